import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, expectProblem, moveTo, pull, push, until } from '../support/exchange.js';
import { options } from '../../src/foundation/config/options.js';
import { creating, game } from '../support/records.js';
import { createStorage, type Storage } from '../support/storage.js';
import { expectLargePull, expectLargePush } from './large-account.js';

const ROWS = 100_000;
/** How long a reader that reads nothing may keep its snapshot. */
const STALL_SECONDS = 6;
const NEVER_SECONDS = 600;

/** Starts a first pull and reads only the beginning of its answer. */
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
  let storage: Storage;
  let app: TestApp;
  let device: TestDevice;

  const start = (stallSeconds: number) =>
    startApp(database, {
      storage,
      env: {
        MAX_OPEN_SNAPSHOTS: '2',
        MAX_BODY_BYTES: String(64 * 1024 * 1024),
        PULL_STALL_SECONDS: String(stallSeconds),
      },
    });

  beforeAll(async () => {
    storage = await createStorage(database);
    app = await start(NEVER_SECONDS);
    device = await app.newDevice();
  });
  afterAll(async () => {
    await app.close();
    await storage.dispose();
  });

  test('100,000 records in one push work, and other accounts are served meanwhile', async () => {
    await expectLargePush(device, ROWS, await app.newDevice());
  });

  test('100,000 rows come in one answer, every row once, other requests being answered meanwhile', async () => {
    await expectLargePull(device, ROWS, await app.newDevice());
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
    // The readers would keep their snapshots for longer than this wait.
    await until(
      () => device.pull(),
      ({ status }) => status === 200,
    );
  });

  test('readers that take nothing are cut (after 30 s by default); beyond the cap of snapshots a pull is answered 503', async () => {
    expect(options.PULL_STALL_SECONDS.default).toBe(30);
    await app.stop();
    app = await start(STALL_SECONDS);
    moveTo(device, app.url);
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
    // One snapshot is free; once a third reader takes it, a pull succeeds only after both others have ended.
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
