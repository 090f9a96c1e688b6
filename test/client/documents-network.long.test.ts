import type { OpenedDocument } from '../../client/src/documents/live/live-document.js';
import { Server } from '../browser/support/server.js';
import { Random } from '../convergence/random.js';
import { Proxy } from '../light/proxy.js';
import { TestDevice } from '../support/device.js';
import { until } from '../support/exchange.js';
import { captions } from '../support/live-documents.js';
import { openInProcess } from './support/in-process.js';

const opened: OpenedDocument[] = [];
const proxies: Proxy[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((document) => document.close()));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
});

async function openProxy(server: Server): Promise<Proxy> {
  const proxy = await Proxy.start(() => new URL(server.url), new Random(1));
  proxies.push(proxy);
  return proxy;
}

/** A tab whose way to the server is a proxy. */
async function openTab(proxy: Proxy, device: TestDevice): Promise<OpenedDocument> {
  const document = await openInProcess({
    server: proxy.url,
    token: async () => device.accessToken,
    video: 'v1',
    database: 'captions',
  });
  opened.push(document);
  return document;
}

/** A server with captions, and a proxy before it. */
async function world() {
  const server = await Server.start();
  const device = await TestDevice.register(server.url);
  await captions(device, 'v1', { texts: ['first'] });
  return { server, device, proxy: await openProxy(server) };
}

const state = (document: OpenedDocument, name: string) =>
  until(
    () => document.status.get(),
    (status) => status.state === name,
  );
const write = (document: OpenedDocument, text: string) =>
  document.db.tx((tx) => tx.run("UPDATE cues SET text = ? WHERE id = 'cue-0'", [text]));
const reads = (document: OpenedDocument, text: string) =>
  until(
    () => document.db.get<{ text: string }>("SELECT text FROM cues WHERE id = 'cue-0'"),
    (row) => row?.text === text,
  );

test('the light is grey without a server, green with one, grey when it stops, and what is written meanwhile arrives', async () => {
  const { server, device, proxy } = await world();
  await using _server = server;
  const [tab, watcher] = [await openTab(proxy, device), await openTab(proxy, device)];
  expect(tab.status.get().light).toBe('grey');
  await tab.hold();
  await watcher.watch();
  await state(tab, 'synced');
  await server.kill();
  await state(tab, 'disconnected');
  await write(tab, 'while it was away');
  expect(tab.status.get()).toMatchObject({ light: 'grey', pending: 1 });
  await server.restart();
  await state(tab, 'synced');
  expect(tab.status.get().pending).toBe(0);
  await reads(watcher, 'while it was away');
});

test('connections that are cut again and again lose nothing', async () => {
  const { server, device, proxy } = await world();
  await using _server = server;
  const [tab, watcher] = [await openTab(proxy, device), await openTab(proxy, device)];
  await tab.hold();
  await watcher.watch();
  for (let round = 0; round < 12; round += 1) {
    const written = write(tab, `round ${round}`);
    if (round % 3 !== 0) await written;
    proxy.cut(round % 2 === 0 ? 'reset' : 'end', 'sockets');
    await written;
  }
  await state(tab, 'synced');
  await reads(watcher, 'round 11');
  await state(watcher, 'synced');
});

test('a silent connection is not green, and is made anew', async () => {
  const { server, device, proxy } = await world();
  await using _server = server;
  const tab = await openTab(proxy, device);
  await tab.hold();
  await state(tab, 'synced');
  proxy.silence('sockets');
  const at = performance.now();
  await until(
    () => tab.status.get(),
    ({ light }) => light !== 'green',
  );
  expect(performance.now() - at).toBeLessThan(4_000); // the proof of the last answer ends after 3 s
  await write(tab, 'into the silence');
  expect(tab.status.get()).toMatchObject({ pending: 1 });
  await state(tab, 'synced');
  expect(tab.status.get().pending).toBe(0);
});

test('another tab that took the lock while this one was away keeps it', async () => {
  const { server, device, proxy } = await world();
  await using _server = server;
  const direct = await openProxy(server);
  const [away, other] = [await openTab(proxy, device), await openTab(direct, device)];
  await away.hold();
  await state(away, 'synced');
  proxy.stall('both');
  await write(away, 'late');
  await other.hold();
  await write(other, 'first');
  await state(other, 'synced');
  proxy.cut('reset');
  proxy.stall(null);
  expect(await state(away, 'attention')).toMatchObject({ pending: 1, reason: { code: 'LOCK_REQUIRED' } });
  await write(other, 'second');
  await state(other, 'synced');
  expect(other.isHolder).toBe(true);
});
