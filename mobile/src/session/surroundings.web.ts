import type { Tidemark } from '@tidemark/client';

/**
 * Tells the client when the page is visible and when the browser is online. Makes the browser ask before it closes the
 * page while changes wait to be sent. @returns a function that stops all of it
 */
export function watchSurroundings(tidemark: Tidemark): () => void {
  const abort = new AbortController();
  const { signal } = abort;
  const see = (): void => tidemark.setForeground(document.visibilityState === 'visible');
  document.addEventListener('visibilitychange', see, { signal });
  window.addEventListener('online', () => tidemark.setOnline(true), { signal });
  window.addEventListener('offline', () => tidemark.setOnline(false), { signal });
  window.addEventListener(
    'beforeunload',
    (event) => {
      if (tidemark.status.get().pending > 0) event.preventDefault();
    },
    { signal },
  );
  see();
  return () => abort.abort();
}
