import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Session } from '../session/session';
import type { SyncStatus } from '../sync/status';

const SessionContext = createContext<Session | null>(null);

/** Hands the one session of the app to the screens below. */
export const SessionProvider = SessionContext.Provider;

/** The session: this device's database, its account and the sync engine. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('There is no SessionProvider above this component.');
  return session;
}

/** What the light shows, as it changes. */
export function useSyncStatus(): SyncStatus {
  return useValue(useSession().sync.status);
}

/** The current value of anything that can be read and listened to. */
export function useValue<T>(source: { get(): T; subscribe(listener: () => void): () => void }): T {
  return useSyncExternalStore(
    (listener) => source.subscribe(listener),
    () => source.get(),
  );
}
