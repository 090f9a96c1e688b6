// Keeps the app's own files in the browser, so that the page opens without a network, too. What people enter does not
// pass here: the app keeps it by itself.
const CACHE = 'tidemark-app';
const PAGE = '/';
/** Files whose names change with their content. */
const LASTING = /^\/(_expo|assets)\//;
/** How long the server may take before the page that was kept is shown. */
const PATIENCE_MS = 3_000;

self.addEventListener('install', (event) =>
  event.waitUntil(
    fetch(PAGE)
      .then(keep)
      .then(() => self.skipWaiting()),
  ),
);
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
self.addEventListener('fetch', (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== 'GET' || origin !== self.location.origin) return;
  if (pathname === PAGE) event.respondWith(openPage(event));
  else if (LASTING.test(pathname)) event.respondWith(openFile(event.request));
});

/** The server's page, which is kept for the next time; the one kept before when the server has none to give. */
async function openPage(event) {
  const kept = await caches.match(PAGE);
  const asked = fetch(event.request);
  if (!kept) return asked;
  try {
    const page = await Promise.race([asked, rejectLater()]);
    if (page.status >= 500) return kept;
    if (page.ok) event.waitUntil(keep(page.clone()));
    return page;
  } catch {
    return kept;
  }
}

async function openFile(request) {
  return (await caches.match(request)) ?? fetch(request);
}

/** Keeps a page with every file that it names, and lets go of what an older one named. */
async function keep(page) {
  const cache = await caches.open(CACHE);
  const html = await page.clone().text();
  const named = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]);
  const files = named.filter((path) => LASTING.test(path));
  const before = (await cache.keys()).map(({ url }) => new URL(url).pathname);
  // The files first: a page without them would be a blank one.
  await cache.addAll(files.filter((path) => !before.includes(path)));
  await cache.put(PAGE, page);
  const stale = before.filter((path) => path !== PAGE && !files.includes(path));
  await Promise.all(stale.map((path) => cache.delete(path)));
}

function rejectLater() {
  return new Promise((_, reject) => setTimeout(() => reject(new Error('No answer yet.')), PATIENCE_MS));
}
