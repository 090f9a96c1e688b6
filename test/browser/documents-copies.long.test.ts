import { gzipSync } from 'node:zlib';
import type { BrowserContext, Page } from 'playwright-core';
import { mergingDocument } from '../client/support/merging-document.js';
import { shareBrowser } from './support/chromium.js';
import { ModuleServer } from './support/module-server.js';

const browser = shareBrowser();
let modules: ModuleServer;
beforeAll(async () => (modules = await ModuleServer.start()));
afterAll(() => modules[Symbol.asyncDispose]());

/** Starts a worker in the page, as `window.copy`. */
const START = `import('/client/src/documents/copy/copy-client.js').then(({ CopyClient }) => {
  window.copy = new CopyClient(new Worker('/client/src/documents/copy/worker.js', { type: 'module' }));
  copy.onBytes = (bytes) => (window.bytes = bytes);
  return copy.call('open', { document: 'doc', storage: 'indexeddb', wasm: {} });
})`;

/** A tab with its copy. */
async function openTab(
  context: BrowserContext,
): Promise<{ page: Page; opened: { storage: string; state: { pending: number; siteId: string } | null } }> {
  const page = await context.newPage();
  await page.goto(modules.url);
  return { page, opened: await page.evaluate(START) };
}

const download = (page: Page, url: string) =>
  page.evaluate(
    `copy.call('download', ${JSON.stringify({ url, epoch: 1, version: 1, mark: null, pending: 'drop' })})`,
  );
const all = (page: Page, sql: string) => page.evaluate(`copy.call('all', ${JSON.stringify(sql)}, [])`);
async function write(page: Page, sql: string): Promise<void> {
  await page.evaluate("copy.call('begin')");
  await all(page, sql);
  await page.evaluate("copy.call('commit')");
}

/** About 50 MB of captions. */
const MANY = `INSERT INTO cues (id, start_ms, text) SELECT printf('cue-%08d', value), value, printf('%.*c', 180, 'x') || value FROM
  (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n LIMIT 180000) SELECT value FROM n)`;

test('50 MB arrive whole; a tab that is closed in the middle leaves nothing usable; what was there stays', async () => {
  const file = await mergingDocument('captions', [MANY]);
  expect(file.length).toBeGreaterThan(45_000_000);
  const packed = gzipSync(file, { level: 1 });
  const fast = modules.add('fast.db', packed);
  const slow = modules.add('slow.db', packed, packed.length / 20);
  const context = await browser().newContext();

  const first = await openTab(context);
  expect(first.opened).toEqual({ storage: 'indexeddb', state: null });
  void download(first.page, slow).catch(() => undefined);
  await first.page.waitForFunction('window.bytes > 8e6');
  await first.page.close();

  const second = await openTab(context);
  expect(second.opened).toEqual({ storage: 'indexeddb', state: null });
  await download(second.page, fast);
  const sums = 'SELECT count(*) AS n, sum(length(text)) AS length, max(id) AS last FROM cues';
  const expected = [{ n: 180_000, length: 180_000 * 180 + 968_895, last: 'cue-00180000' }];
  expect(await all(second.page, sums)).toEqual(expected);
  expect(await all(second.page, 'PRAGMA quick_check')).toEqual([{ quick_check: 'ok' }]);
  await write(second.page, "INSERT INTO cues (id, text) VALUES ('mine', 'kept')");

  // Another download is aborted: the copy of before is still the one.
  void download(second.page, slow).catch(() => undefined);
  await second.page.waitForFunction('window.bytes < 40e6 && window.bytes > 8e6');
  await second.page.close();
  const third = await openTab(context);
  expect(third.opened.state).toMatchObject({ epoch: 1, pending: 5 });
  expect(await all(third.page, "SELECT text FROM cues WHERE id = 'mine'")).toEqual([{ text: 'kept' }]);
  expect(await all(third.page, 'PRAGMA quick_check')).toEqual([{ quick_check: 'ok' }]);
  await context.close();
});

test('each tab has a copy; who comes later finds the one with pending changes', async () => {
  const url = modules.add('small.db', await mergingDocument('captions'));
  const context = await browser().newContext();
  const tabs = [await openTab(context), await openTab(context), await openTab(context)];
  for (const { page, opened } of tabs) {
    expect(opened).toEqual({ storage: 'indexeddb', state: null });
    await download(page, url);
  }
  await write(tabs[1]!.page, "INSERT INTO cues (id) VALUES ('pending')");
  for (const { page } of tabs) await page.close();

  const { page, opened } = await openTab(context);
  expect(opened.state!.pending).toBe(5);
  expect(await all(page, 'SELECT id FROM cues')).toEqual([{ id: 'pending' }]);
  const other = await openTab(context);
  expect(other.opened.state!.pending).toBe(0);
  expect(other.opened.state!.siteId).not.toBe(opened.state!.siteId);
  await context.close();
});

test('a ninth tab keeps its copy in memory', async () => {
  const context = await browser().newContext();
  const tabs: Page[] = [];
  for (let i = 0; i < 8; i += 1) {
    const { page, opened } = await openTab(context);
    expect(opened.storage).toBe('indexeddb');
    tabs.push(page);
  }
  expect((await openTab(context)).opened).toEqual({ storage: 'memory', state: null });
  await context.close();
});
