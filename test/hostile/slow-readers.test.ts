import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { runInThisContext } from 'node:vm';
import type { Database } from '../../src/foundation/database/database.js';
import { SlowReaders, type LongAnswer } from '../../src/sync/pull/slow-readers.js';
import { startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, pull, push, store, until } from '../support/exchange.js';
import { creating, game, games } from '../support/records.js';

const ROWS = 40_000;

/** Begins a first pull and reads only the beginning of its answer. */
async function stalledPull(device: TestDevice): Promise<Socket> {
  const { hostname, port } = new URL(device.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    `GET /api/v1/sync/pull HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${device.accessToken}\r\n\r\n`,
  );
  await once(socket, 'readable');
  return socket;
}

afterEach(() => jest.restoreAllMocks());

test('two who come at once cut two slow readers, not one twice', async () => {
  // The server runs in Node's own realm.
  const { performance } = runInThisContext('globalThis') as typeof globalThis;
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const readers = new SlowReaders({ maxSnapshots: 8 } as Database);
  const cut: string[] = [];
  const answers = new Map<string, LongAnswer>();
  for (const account of ['a', 'a', 'b', 'b', 'c', 'c', 'd']) {
    const name = `${account}${answers.size}`;
    const answer = await readers.begin(account, () => cut.push(name));
    answers.set(name, answer);
    answer.note(answers.size);
  }
  now = 60_000;
  const newcomers = [readers.begin('e', () => undefined), readers.begin('f', () => undefined)];
  expect(cut).toEqual(['a0', 'a1']);
  expect(readers.hasPlace('g')).toBe(false);
  for (const name of cut) answers.get(name)!.end();
  await Promise.all(newcomers);
});

test('who takes nothing of a long answer to a push keeps no other large push waiting', async () => {
  await using app = await startApp('sqlite');
  const stranger = await app.newDevice();
  const ids = Array.from({ length: 200_000 }, (_, n) => `no-such-record-${n}`);
  const body = JSON.stringify({ last_pulled_at: 1, changes: { boats: { deleted: ids } } });
  const sockets: Socket[] = [];
  try {
    for (let n = 0; n < 2; n++) {
      const device = await app.newDevice();
      const lastPulledAt = await clockOf(device);
      const text = body.replace('"last_pulled_at":1', `"last_pulled_at":${lastPulledAt}`);
      const { hostname, port } = new URL(device.url);
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.write(
        `POST /api/v1/sync/push HTTP/1.1\r\nHost: ${hostname}\r\nContent-Type: application/json\r\n` +
          `Authorization: Bearer ${device.accessToken}\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
      );
      await once(socket, 'readable');
    }
    const large = creating({ games: games(5_000) });
    expect((await stranger.push(large, await clockOf(stranger))).status).toBe(200);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual([false, false]);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('readers who take nothing keep neither small pulls nor, after a while, large ones of others waiting', async () => {
  await using app = await startApp('sqlite', {
    env: { MAX_OPEN_SNAPSHOTS: '8', PULL_STALL_SECONDS: '3600' },
  });
  const stranger = await app.newDevice();
  await push(stranger, creating({ games: games(2_000) }), await clockOf(stranger));
  const small = await app.newDevice();
  await store(small, { games: [game('g1')] });
  const sockets: Socket[] = [];
  try {
    for (let account = 0; account < 4; account++) {
      const device = await app.newDevice();
      await push(device, creating({ games: games(ROWS) }), await clockOf(device));
      for (let n = 0; n < 2; n++) sockets.push(await stalledPull(device));
    }
    expect((await pull(small)).changes.games!.updated).toHaveLength(1);
    await until(
      () => stranger.pull(),
      ({ status }) => status === 200,
    );
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
