import { createContext, useContext, useSyncExternalStore } from 'react';
import type { Session } from '../../../client/src/tidemark';
import type { SyncStatus } from '../../../client/src/light/status';

const SessionContext = createContext<Session | null>(null);

/** Provides the app's session to the components below it. */
export const SessionProvider = SessionContext.Provider;

/** The session: this device's database, its account and the sync engine. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('There is no SessionProvider above this component.');
  return session;
}

/** The current sync status; renders again when it changes. */
export function useSyncStatus(): SyncStatus {
  return useValue(useSession().sync.status);
}

/** The current value of an observable; renders again when it changes. */
export function useValue<T>(source: { get(): T; subscribe(listener: () => void): () => void }): T {
  return useSyncExternalStore(
    (listener) => source.subscribe(listener),
    () => source.get(),
  );
}
