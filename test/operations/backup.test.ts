import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { sqliteFile } from '../../src/foundation/database/open.js';
import { serverTables } from '../../src/tables.js';
import { startApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { documentState, download, hold, write } from '../support/documents.js';
import { clockOf, expectProblem, liveRows, moveTo, pull, push, stateOf } from '../support/exchange.js';
import { creating, deleting, evening, game, updating } from '../support/records.js';
import { postgresFolders } from '../support/postgres-tools.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { runTidemark, startServer, type CommandResult } from '../support/server-process.js';
import { createStorage, type DatabaseName, type Storage } from '../support/storage.js';

const [toolsFolder] = postgresFolders();
const databases: DatabaseName[] = toolsFolder === undefined ? ['sqlite'] : ['sqlite', 'postgres'];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-backup-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function expectFailure(result: CommandResult, pattern: RegExp): void {
  expect(result.code).toBeGreaterThan(0);
  expect(result.stderr).toMatch(pattern);
  expect(result.stderr).not.toMatch(/^\s+at |node:internal/m);
}

/** Makes the data what they were before shares and documents came: without their tables and their migrations. */
async function makeOlder({ env }: Storage): Promise<void> {
  const [, ...later] = serverTables.migrations;
  const drops = later.flatMap(({ creates }) => creates).map((table) => `DROP TABLE IF EXISTS ${table};`);
  const names = later.map(({ name }) => `'${name}'`);
  const sql = `${drops.join('')} DELETE FROM migrations WHERE name IN (${names.join()})`;
  if (!env.DATABASE_URL) {
    new BetterSqlite(sqliteFile(env.DATA_DIR!)).exec(sql).close();
    return;
  }
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  await client.query(sql);
  await client.end();
}

describe.each(databases)('on %s', (database) => {
  let postgres: Postgres | undefined;
  let storage: Storage;
  let env: Record<string, string>;
  let file: string;

  beforeAll(async () => {
    if (database === 'postgres') postgres = await startPostgres({ binDir: toolsFolder });
  });
  afterAll(() => postgres?.stop());
  beforeEach(async () => {
    storage = await createStorage(database, { postgres });
    env = { ...storage.env, PATH: [toolsFolder, process.env.PATH].join(delimiter) };
    file = join(folder, 'tidemark.backup');
  });
  afterEach(() => storage.dispose());

  const succeed = async (...args: string[]) => {
    const result = await runTidemark(args, env);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    return result.stdout;
  };

  test('documents go on in a new epoch: from what was uploaded, and from what was not', async () => {
    const server = await startServer({ storage });
    const laptop = await TestDevice.register(server.url);
    await write(laptop, 'uploaded', ['red']);
    await download(laptop, 'uploaded');
    await write(laptop, 'waiting', ['green']);
    const before = await hold(laptop, 'waiting');
    await succeed('backup', file);
    await write(laptop, 'uploaded', ['red', 'later']);
    await server.kill('SIGKILL');
    const restoredFrom = Date.now();
    await succeed('restore', file);

    await using again = await startServer({ storage });
    moveTo(laptop, again.url);
    for (const [video, backgrounds] of [
      ['uploaded', ['red']],
      ['waiting', ['green']],
    ] as const) {
      const state = await documentState(laptop, video);
      expect(state).toMatchObject({ exists: true, server_version: 1, lock: null });
      expect(state.epoch).toBeGreaterThanOrEqual(restoredFrom);
      expect(await download(laptop, video)).toEqual(backgrounds);
    }
    expect((await hold(laptop, 'waiting')).fencingToken).toBeGreaterThan(before.fencingToken + 1);
  });

  test('what a running server is backed up with comes back, as a new history of every account', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    const other = await server.newDevice();
    const early = await clockOf(device);
    await push(device, creating(evening('a')), early);
    await push(device, deleting({ scores: ['a-score-bob'] }), await clockOf(device));
    await push(other, creating({ games: [game('theirs')] }), await clockOf(other));
    const saved = await pull(device);
    const savedRows = await liveRows(device);
    expect(await succeed('backup', file)).toContain(file);

    const lost = await push(device, creating({ games: [game('later')] }), saved.timestamp);
    await push(device, updating({ games: [{ id: 'a-game', name: 'Later' }] }), lost.timestamp);
    const newcomer = await device.pair();
    const seen = await pull(device);
    await server.stop();
    const restoredFrom = Date.now();
    await succeed('restore', file);

    await using again = await startApp(database, { storage });
    for (const each of [device, other, newcomer]) moveTo(each, again.url);
    for (const lastPulledAt of [seen.timestamp, saved.timestamp, early]) {
      for (const query of [{}, { history_id: saved.history_id }]) {
        expectProblem(await device.pull({ last_pulled_at: lastPulledAt, ...query }), 409, 'HISTORY_CHANGED');
        const pushed = creating({ games: [game('old-phone')] });
        expectProblem(await device.push(pushed, lastPulledAt, query), 409, 'HISTORY_CHANGED');
      }
    }
    expectProblem(await device.pull({ history_id: saved.history_id }), 409, 'HISTORY_CHANGED');
    expectProblem(await newcomer.pull(), 401, 'DEVICE_REVOKED');

    const fresh = await pull(device);
    expect(await liveRows(device)).toEqual(savedRows);
    expect(fresh.history_id).not.toBe(saved.history_id);
    expect(fresh.timestamp).toBeGreaterThan(saved.timestamp);
    expect(fresh.timestamp).toBeGreaterThanOrEqual(restoredFrom);
    expectProblem(await device.pull({ last_pulled_at: fresh.timestamp - 1 }), 409, 'HISTORY_CHANGED');
    expect((await pull(device, fresh.timestamp, { history_id: fresh.history_id })).timestamp).toBe(
      fresh.timestamp,
    );
    await push(device, creating({ games: [game('after')] }), fresh.timestamp, {
      history_id: fresh.history_id,
    });

    const theirs = await pull(other);
    expect(theirs.changes.games?.updated).toEqual([game('theirs')]);
    expect(new Set([theirs.history_id, fresh.history_id, saved.history_id]).size).toBe(3);
  });

  test('a device that renewed its tokens after the backup gets back in, once with any of them', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    const stale = device.refreshToken;
    await succeed('backup', file);
    for (let n = 0; n < 3; n += 1) expect((await device.refresh()).status).toBe(200);
    await server.stop();
    await succeed('restore', file);

    await using again = await startApp(database, { storage });
    moveTo(device, again.url);
    const renewed = device.refreshToken;
    expect((await device.refresh()).status).toBe(200);
    await pull(device);
    device.refreshToken = renewed; // its answer may have been lost
    expect((await device.refresh()).status).toBe(200);
    expect((await device.refresh()).status).toBe(200);
    device.refreshToken = device.refreshToken.replace(/\.\d+\./, '.99.');
    expectProblem(await device.refresh(), 401, 'TOKEN_INVALID');
    device.refreshToken = stale;
    expectProblem(await device.refresh(), 401, 'DEVICE_REVOKED');
  });

  test('a backup taken while pushes run holds each of them whole or not at all, and the server goes on', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    let isRunning = true;
    const pushing = (async () => {
      for (let n = 0; isRunning; n += 1)
        await push(device, creating(evening(`e${n}`)), await clockOf(device));
    })();
    await succeed('backup', file);
    isRunning = false;
    await pushing;
    await server.stop();
    await succeed('restore', file);
    await using again = await startApp(database, { storage });
    moveTo(device, again.url);
    const rows = await liveRows(device);
    const evenings = rows.games?.length ?? 0;
    expect(Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.length]))).toEqual({
      games: evenings,
      game_players: 2 * evenings,
      rounds: evenings,
      scores: 2 * evenings,
    });
  });

  test('links to games are gone after a restore: one may have been withdrawn since the backup', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    const { share_id } = (await device.request('POST', '/games/a-game/shares')).body as { share_id: string };
    await succeed('backup', file);
    expect((await device.request('DELETE', `/shares/${share_id}`)).status).toBe(204);
    await server.stop();
    await succeed('restore', file);

    await using again = await startApp(database, { storage });
    moveTo(device, again.url);
    expect((await device.request('GET', '/games/a-game/shares')).body).toEqual([]);
    expect((await device.request('POST', '/games/a-game/shares')).status).toBe(201);
  });

  test('a backup made by an earlier version, which had fewer tables, comes back', async () => {
    await using first = await startApp(database, { storage });
    const device = await first.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    await first.stop();
    await makeOlder(storage);
    await succeed('backup', file);

    await using newer = await startApp(database, { storage });
    moveTo(device, newer.url);
    expect((await device.request('POST', '/games/a-game/shares')).status).toBe(201);
    await newer.stop();
    await succeed('restore', file);

    await using again = await startApp(database, { storage });
    moveTo(device, again.url);
    expect((await device.request('GET', '/games/a-game/shares')).body).toEqual([]);
    expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
  });

  test('restore refuses while a server runs on the data, and changes nothing', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    await succeed('backup', file);
    const before = await stateOf(device);
    const { history_id } = await pull(device);
    expectFailure(await runTidemark(['restore', file], env), /stop|in use|runs|running/i);
    expect(await stateOf(device)).toEqual(before);
    expect((await pull(device)).history_id).toBe(history_id);
  });

  test('restore refuses what is no backup, or is cut short, and leaves the data as they are', async () => {
    await using server = await startApp(database, { storage });
    const device = await server.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    const before = await stateOf(device);
    await succeed('backup', file);
    await server.stop();

    const garbage = join(folder, 'garbage');
    writeFileSync(garbage, 'no backup'.repeat(500));
    const empty = join(folder, 'empty');
    writeFileSync(empty, '');
    for (const path of [garbage, empty, join(folder, 'missing')]) {
      expectFailure(await runTidemark(['restore', path], env), /./);
    }
    await using again = await startApp(database, { storage });
    moveTo(device, again.url);
    expect(await stateOf(device)).toEqual(before);
  });

  test('backup replaces no file, and says where it cannot write', async () => {
    await using server = await startApp(database, { storage });
    await server.newDevice();
    writeFileSync(file, 'precious');
    expectFailure(await runTidemark(['backup', file], env), /exist/i);
    expect(statSync(file).size).toBe('precious'.length);
    expectFailure(await runTidemark(['backup', join(folder, 'no', 'such', 'folder', 'x')], env), /./);
    expectFailure(await runTidemark(['backup'], env), /file/i);
    await server.stop();
    expect(readdirSync(folder)).toEqual(['tidemark.backup']);
  });
});

test('on sqlite a backup comes back on another machine: a new, empty data folder', async () => {
  const from = await createStorage('sqlite');
  const to = await createStorage('sqlite');
  const file = join(folder, 'tidemark.backup');
  try {
    await using server = await startApp('sqlite', { storage: from });
    const device = await server.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    await server.stop();
    expect((await runTidemark(['backup', file], from.env)).code).toBe(0);
    expect((await runTidemark(['restore', file], to.env)).code).toBe(0);
    await using moved = await startApp('sqlite', { storage: to });
    moveTo(device, moved.url);
    // The old machine's secret stayed there: the device signs in anew with its refresh token.
    expectProblem(await device.pull(), 401, 'TOKEN_INVALID');
    expect((await device.refresh()).status).toBe(200);
    expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
  } finally {
    await from.dispose();
    await to.dispose();
  }
});

test('on postgres without its tools, backup and restore say plainly what to run', async () => {
  const storage = await createStorage('postgres');
  try {
    await (await startApp('postgres', { storage })).stop();
    const file = join(folder, 'tidemark.backup');
    const env = { ...storage.env, PATH: folder };
    expectFailure(await runTidemark(['backup', file], env), /pg_dump --/);
    writeFileSync(file, 'x');
    expectFailure(await runTidemark(['restore', file], env), /pg_restore --/);
  } finally {
    await storage.dispose();
  }
});
