import type { SyncStatus, Tidemark } from '@tidemark/client';
import { createContext, useContext, useSyncExternalStore } from 'react';

const TidemarkContext = createContext<Tidemark | null>(null);

/** Provides the app's client to the components below it. */
export const TidemarkProvider = TidemarkContext.Provider;

/** The client: this device's database, its account and its sync. */
export function useTidemark(): Tidemark {
  const tidemark = useContext(TidemarkContext);
  if (!tidemark) throw new Error('There is no TidemarkProvider above this component.');
  return tidemark;
}

/** The current sync status; renders again when it changes. */
export function useSyncStatus(): SyncStatus {
  return useValue(useTidemark().status);
}

/** The current value of an observable; renders again when it changes. */
export function useValue<T>(source: { get(): T; subscribe(listener: () => void): () => void }): T {
  return useSyncExternalStore(
    (listener) => source.subscribe(listener),
    () => source.get(),
  );
}
