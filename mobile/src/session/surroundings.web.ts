import type { Sync } from '../../../client/src/records/sync';

/**
 * Tells the sync when the page is visible and when the browser is online. Makes the browser ask before it closes the
 * page while changes wait to be sent. @returns a function that stops all of it
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
