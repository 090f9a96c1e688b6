import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, expectProblem, pull, push, until } from '../support/exchange.js';
import { options } from '../../src/foundation/config/options.js';
import { creating, game } from '../support/records.js';

const ROWS = 100_000;
/** How long a reader that takes nothing may keep its snapshot. */
const STALL_SECONDS = 8;

/** Starts a first sync and reads nothing but the beginning of its answer. */
async function stalledPull(device: TestDevice): Promise<Socket> {
  const { hostname, port } = new URL(device.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(
    `GET /api/v1/sync/pull HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${device.accessToken}\r\n\r\n`,
  );
  await once(socket, 'readable');
  return socket;
}

/** records.md on 100,000 rows: one push, one streamed snapshot, slow readers. */
forEachDatabase((database) => {
  let app: TestApp;
  let device: TestDevice;

  beforeAll(async () => {
    const env = {
      MAX_OPEN_SNAPSHOTS: '2',
      MAX_BODY_BYTES: String(64 * 1024 * 1024),
      PULL_STALL_SECONDS: String(STALL_SECONDS),
    };
    app = await startApp(database, { env });
    device = await app.newDevice();
  });
  afterAll(() => app.close());

  test('100,000 records in one push work, and other accounts are served meanwhile', async () => {
    const other = await app.newDevice();
    const rows = Array.from({ length: ROWS }, (_, index) => game(`g${index}`, { name: `Game ${index}` }));
    const body = JSON.stringify({
      changes: creating({ games: rows }),
      last_pulled_at: await clockOf(device),
    });
    let isPushing = true;
    const pushing = device.request('POST', '/sync/push', { body }).finally(() => (isPushing = false));
    let answered = 0;
    while (isPushing) {
      await pull(other);
      answered += 1;
    }
    expect((await pushing).status).toBe(200);
    expect(answered).toBeGreaterThan(5);
    expect((await push(other, creating({ games: [game('g1')] }), await clockOf(other))).ok).toBe(true);
  });

  test('100,000 rows come in one answer, every row once, other requests being answered meanwhile', async () => {
    const other = await app.newDevice();
    let isPulling = true;
    const pulling = device.pull().finally(() => (isPulling = false));
    let answered = 0;
    while (isPulling) {
      await clockOf(other);
      answered += 1;
    }
    const reply = await pulling;
    expect(reply.headers.get('tidemark-rows')).toBe(String(ROWS));
    expect(new Set(reply.body.changes.games.updated.map((row: { id: string }) => row.id)).size).toBe(ROWS);
    expect(answered).toBeGreaterThan(5);
  });

  test('a push that lands while an answer streams is not in that answer but in the next pull', async () => {
    const lastPulledAt = await clockOf(await device.pair());
    const slow = await stalledPull(device);
    const pushed = await push(await device.pair(), creating({ games: [game('meanwhile')] }), lastPulledAt);
    let text = '';
    slow.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await until(() => /"timestamp":\d+/.test(text.slice(-2_000)) || text.includes('\r\n0\r\n\r\n'), Boolean);
    slow.destroy();
    expect(text).not.toContain('"meanwhile"');
    const timestamp = Number(/"timestamp":(\d+)/.exec(text)?.[1]);
    expect(timestamp).toBeLessThan(pushed.timestamp);
    expect((await pull(device, timestamp)).changes.games?.updated.map((row) => row.id)).toEqual([
      'meanwhile',
    ]);
  });

  test('readers that go away in the middle give their snapshots back at once', async () => {
    for (let n = 0; n < 2; n += 1) {
      const leaving = [await stalledPull(device), await stalledPull(device)];
      for (const socket of leaving) socket.destroy();
    }
    await until(
      () => device.pull(),
      ({ status }) => status === 200,
      (STALL_SECONDS / 2) * 1_000,
    );
  });

  test('readers that take nothing are cut (after 30 s by default); beyond the cap of snapshots a pull is answered 503', async () => {
    expect(options.PULL_STALL_SECONDS.default).toBe(30);
    const stalled = [await stalledPull(device), await stalledPull(device)];
    const refused = await device.pull();
    expectProblem(refused, 503, 'OVERLOADED');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const served = await until(
      () => device.request('GET', '/sync/meta'),
      (reply) => reply.status === 200,
    );
    expect(served.status).toBe(200);
    const untilServed = () =>
      until(
        async () => (await device.pull()).status,
        (status) => status === 200,
      );
    await untilServed();
    // One place is free; with a third reader in it, only the end of both others lets a pull through again.
    await stalledPull(device);
    await untilServed();
    let isComplete = false;
    for (const socket of stalled) {
      socket
        .on('error', () => undefined)
        .on('data', (chunk: Buffer) => (isComplete ||= chunk.includes('\r\n0\r\n\r\n')));
      await until(() => socket.destroyed || isComplete, Boolean);
    }
    expect(isComplete).toBe(false);
  });
});
