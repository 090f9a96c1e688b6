import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { Lifecycle } from '../../src/operations/lifecycle.js';
import { DOWNLOAD_ROUTE } from '../../src/storage/download-links.js';
import type { FileStorage } from '../../src/storage/drivers/file.storage.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, liveRows, until } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { sourceOf } from '../storage/objects.js';
import { holdNext, type HeldCall } from '../uploads/hold-back.js';

/** Makes a body large: of large bodies, only two are processed at a time. */
const LARGE = ' '.repeat(1_100_000);

const push = (id: string): string => JSON.stringify(creating({ games: [game(id)] })) + LARGE;

/** Begins a request that is not answered until the test releases it. */
async function beginSlowRequest(app: TestApp): Promise<{ socket: Socket; held: HeldCall }> {
  const storage = app.nest.get(ObjectStorage) as FileStorage;
  await storage.write('key', sourceOf(gzipSync('any')));
  const link = await storage.downloadUrl('key', { ttlMs: 60_000, fileName: 'name', origin: app.url });
  const { host, hostname, port, search } = new URL(link.url);
  const held = holdNext(storage, 'openObject', 'before');
  const socket = connect(Number(port), hostname);
  socket.write(`GET /api/v1/${DOWNLOAD_ROUTE}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await held.reached;
  return { socket, held };
}

function pushOver(socket: Socket, device: TestDevice, clock: number, id: string): void {
  const body = push(id);
  socket.write(
    `POST /api/v1/sync/push?last_pulled_at=${clock} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
      `Authorization: Bearer ${device.accessToken}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
}

/** Requests sent over one connection without waiting for answers, which still come in the same order. */
describe('requests behind one that takes its time', () => {
  test('have their turn after it: one of them', async () => {
    await using app = await startApp('sqlite');
    const device = await app.newDevice();
    const { socket, held } = await beginSlowRequest(app);
    pushOver(socket, device, await clockOf(device), 'g1');
    held.goOn();
    await until(
      () => liveRows(device),
      ({ games = [] }) => games.length === 1,
    );
    let received = '';
    socket.on('data', (data: Buffer) => (received += data.toString('latin1')));
    await until(
      () => Promise.resolve(received.match(/HTTP\/1\.1 200 OK/g)?.length),
      (answers) => answers === 2,
    );
    expect(received.indexOf('application/vnd.sqlite3')).toBeLessThan(received.indexOf('application/json'));
    socket.destroy();
  });

  test('end the connection when there is more than one', async () => {
    await using app = await startApp('sqlite');
    const device = await app.newDevice();
    const { socket, held } = await beginSlowRequest(app);
    socket.on('error', () => undefined); // 'close' follows
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (let n = 0; n < 1_000; n += 1) socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
    await closed;
    held.goOn();
    await device.request('GET', '/auth/devices');
    expect(await app.nest.get(Lifecycle).drain(5_000)).toBe(true);
  });

  test('hold nothing up when it breaks: large bodies of others have their turn, and the server can end', async () => {
    await using app = await startApp('sqlite');
    const device = await app.newDevice();
    const clock = await clockOf(device);
    const slow = [await beginSlowRequest(app), await beginSlowRequest(app), await beginSlowRequest(app)];
    for (const { socket } of slow) pushOver(socket, device, clock, 'g1');
    for (const { socket } of slow) {
      socket.destroy();
      await once(socket, 'close');
    }

    const query = { last_pulled_at: clock };
    expect((await device.request('POST', '/sync/push', { query, body: push('g3') })).status).toBe(200);
    for (const { held } of slow) held.goOn();
    expect(await app.nest.get(Lifecycle).drain(5_000)).toBe(true);
  });
});
