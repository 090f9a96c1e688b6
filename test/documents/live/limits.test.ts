import { forEachDatabase } from '../../support/app.js';
import { until } from '../../support/exchange.js';
import { LiveClient, LiveSocket, liveUrl } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { shareApp } from '../../support/shared-app.js';
import { TestSocket } from '../../support/socket.js';

forEachDatabase((database) => {
  const app = shareApp(database, { env: { MAX_WATCHERS_PER_DOCUMENT: '2', MAX_SOCKETS_PER_DEVICE: '3' } });

  test('more watchers than a document may have are refused, its holder is not', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using first = await LiveClient.open(device, 'v');
    await first.connect();
    using second = await LiveClient.open(await device.pair(), 'v');
    await second.connect();
    using third = await LiveClient.open(await device.pair(), 'v');
    await expect(third.connect()).rejects.toThrow('TOO_MANY_CONNECTIONS');
    using holder = await LiveClient.open(device, 'v', holding);
    expect((await holder.connect()).role).toBe('holder');
    first.socket!.client.disconnect();
    await until(
      () =>
        third.connect().then(
          () => true,
          () => false,
        ),
      (isIn) => isIn,
    );
  });

  test('one connection more than a device may have closes its oldest', async () => {
    const device = await app().newDevice();
    const clients: LiveClient[] = [];
    try {
      for (let at = 0; at < 4; at++) {
        await captions(device, `v${at}`);
        clients.push(await LiveClient.open(device, `v${at}`));
        await clients[at]!.connect();
      }
      expect(await clients[0]!.socket!.closed()).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
      for (const client of clients.slice(1)) expect(await client.ping()).toMatchObject({ n: 1 });
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
  });

  test('a fifth batch that is not answered yet ends the connection', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using holder = await LiveClient.open(device, 'v', holding);
    await holder.connect();
    holder.copy.run(`UPDATE cues SET text = 'a'`);
    const body = holder.copy.bodyOf(holder.copy.version)!;
    for (let at = 0; at < 20; at++) holder.socket!.client.emit('sync', body, () => undefined);
    expect(await holder.socket!.closed()).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  });

  test('a client that sends without end is closed', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    using watcher = await LiveClient.open(device, 'v');
    await watcher.connect();
    for (let n = 0; n < 600; n++) watcher.socket!.client.emit('ping', { n }, () => undefined);
    expect(await watcher.socket!.closed()).toMatchObject({ code: 'RATE_LIMITED' });
  });

  test('only who was admitted may send large frames, and only bytes', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using stranger = new LiveSocket(liveUrl(device.url, 'v'), { padding: 'x'.repeat(17_000) });
    expect(await stranger.ended().catch(() => stranger.refusals)).toBeDefined();
    using account = await TestSocket.connect(device, {}, { reconnection: false });
    account.client.emit('ping', { n: 1, padding: 'x'.repeat(17_000) });
    expect(await account.ended()).toMatchObject({ closeCode: 1009 });
    using holder = await LiveClient.open(device, 'v', holding);
    await holder.connect();
    expect(await holder.socket!.ask('sync', Buffer.alloc(1_048_576))).toMatchObject({
      problem: { code: 'CHANGES_INVALID' },
    });
    holder.socket!.client.emit('ping', { n: 1, padding: 'x'.repeat(17_000) });
    expect(await holder.socket!.ended()).toMatchObject({ closeCode: 1009 });
  });

  test('one page may open its account and several documents over one connection', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    await captions(device, 'w');
    using v = await LiveClient.open(device, 'v');
    using w = await LiveClient.open(device, 'w');
    await v.connect();
    const socket = v.socket!.client.io.socket(`/videos/w/sync/captions`, { auth: w.auth });
    const hello = new Promise((resolve) => socket.once('hello', resolve));
    socket.connect();
    expect(await hello).toMatchObject({ server_version: 1 });
    await captions(device, 'w');
    await until(
      () => socket.connected,
      (isConnected) => !isConnected,
    );
    expect(await v.ping()).toMatchObject({ n: 1 });
  });
});
