import type { Sync } from '../sync/sync';

/**
 * Tells the sync when the page is seen and when the browser is connected, and has the browser ask before the page is
 * closed with changes that are nowhere else. @returns how to stop that
 */
export function watchSurroundings(sync: Sync): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  const see = (): void => sync.setForeground(document.visibilityState === 'visible');
  document.addEventListener('visibilitychange', see, { signal });
  window.addEventListener('online', () => sync.setOnline(true), { signal });
  window.addEventListener('offline', () => sync.setOnline(false), { signal });
  window.addEventListener(
    'beforeunload',
    (event) => {
      if (sync.status.get().pending > 0) event.preventDefault();
    },
    { signal },
  );
  see();
  return () => abort.abort();
}
