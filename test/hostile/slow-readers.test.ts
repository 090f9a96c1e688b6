import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { runInThisContext } from 'node:vm';
import { gzipSync } from 'node:zlib';
import type { Database } from '../../src/foundation/database/database.js';
import { SlowReaders, type LongAnswer } from '../../src/sync/pull/slow-readers.js';
import { startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, pull, push, store, until } from '../support/exchange.js';
import { creating, deleting, game, games } from '../support/records.js';

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

test('readers who take nothing of their answers to large pushes keep those of others waiting only for seconds', async () => {
  await using app = await startApp('sqlite');
  const device = await app.newDevice();
  const stranger = await app.newDevice();
  const ids = Array.from({ length: 200_000 }, (_, n) => `an-identifier-of-some-length-${n.toString(36)}`);
  const body = gzipSync(JSON.stringify(deleting({ boats: ids })), { level: 1 });
  const { hostname, port } = new URL(app.url);
  const head = [
    `POST /api/v1/sync/push?last_pulled_at=${await clockOf(device)} HTTP/1.1`,
    `Host: ${hostname}`,
    `Authorization: Bearer ${device.accessToken}`,
    'Content-Type: application/json',
    'Content-Encoding: gzip',
    `Content-Length: ${body.length}`,
  ];
  const sockets: Socket[] = [];
  const begun: Promise<unknown>[] = [];
  try {
    for (let n = 0; n < 10; n++) {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      socket.on('error', () => undefined);
      begun.push(once(socket, 'readable'));
      socket.write([...head, '', ''].join('\r\n'));
      socket.write(body);
    }
    await Promise.all(begun.slice(0, 2));
    await push(stranger, creating({ games: games(3_000) }), await clockOf(stranger));
    await Promise.all(begun); // also of those that came when many answers were unread
    await push(stranger, creating({ games: games(3_000) }), await clockOf(stranger));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});
