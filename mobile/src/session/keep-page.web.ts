/**
 * Registers the service worker that keeps the app's files, so that the page also opens without a network. Browsers
 * allow service workers at secure addresses only.
 */
export function keepPage(): void {
  if (__DEV__ || !('serviceWorker' in navigator)) return;
  // Some private windows refuse it. The page then needs the network to open; everything else works.
  navigator.serviceWorker.register('/service-worker.js').catch(() => undefined);
}
