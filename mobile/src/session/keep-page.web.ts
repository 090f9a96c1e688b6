/**
 * Lets the browser keep the app's own files, so that the page opens without a network, too. Browsers offer this at
 * secure addresses only.
 */
export function keepPage(): void {
  if (__DEV__ || !('serviceWorker' in navigator)) return;
  // Refused, as in some private windows, the page needs the network to open; everything else works.
  navigator.serviceWorker.register('/service-worker.js').catch(() => undefined);
}
