import { writeFileSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { sqliteFile } from '../../src/foundation/database/open.js';
import { serverTables } from '../../src/tables.js';
import { startApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { documentState, download, hold, write } from '../support/documents.js';
import { clockOf, expectProblem, liveRows, moveTo, push, stateOf } from '../support/exchange.js';
import { creating, evening } from '../support/records.js';
import { runTidemark, startServer, type CommandResult } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { storeIn } from '../uploads/world.js';
import { databasesWithTools, Site, useSites } from './backups.js';

function expectFailure(result: CommandResult, pattern: RegExp): void {
  expect(result.code).toBeGreaterThan(0);
  expect(result.stderr).toMatch(pattern);
  expect(result.stderr).not.toMatch(/^\s+at |node:internal/m);
}

/** What later migrations added to the tables of the first one. */
const LATER_COLUMNS = {
  accounts: ['mark', 'stamps_from', 'tombstone_count'],
  pairing_codes: ['device_id'],
};

/** Turns the data into that of the first version: without the tables, columns and migrations that came later. */
async function makeOlder({ env }: Storage): Promise<void> {
  const [, ...later] = serverTables.migrations;
  const drops = later.flatMap(({ creates }) => creates).map((table) => `DROP TABLE IF EXISTS ${table};`);
  for (const [table, columns] of Object.entries(LATER_COLUMNS))
    for (const column of columns) drops.push(`ALTER TABLE ${table} DROP COLUMN ${column};`);
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

describe.each(databasesWithTools)('on %s', (database) => {
  const openSite = useSites(database);

  test('documents go on in a new epoch: from what was uploaded, and from what was not', async () => {
    await using site = await openSite();
    const env = storeIn(site.objects);
    const server = await startServer({ storage: site.storage, env });
    const laptop = await TestDevice.register(server.url);
    await write(laptop, 'uploaded', ['red']);
    await download(laptop, 'uploaded');
    await write(laptop, 'waiting', ['green']);
    const before = await hold(laptop, 'waiting');
    await site.run('backup');
    await write(laptop, 'uploaded', ['red', 'later']);
    await server.kill('SIGKILL');
    const restoredFrom = Date.now();
    await site.run('restore');

    await using again = await startServer({ storage: site.storage, env });
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

  test('a backup made by an earlier version, which had fewer tables, comes back', async () => {
    await using site = await openSite();
    await using first = await site.start();
    const device = await first.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    await first.stop();
    await makeOlder(site.storage);
    await site.run('backup');

    await using newer = await site.start();
    moveTo(device, newer.url);
    expect((await device.request('POST', '/games/a-game/shares')).status).toBe(201);
    await newer.stop();
    await site.run('restore');

    await using again = await site.start();
    moveTo(device, again.url);
    expect((await device.request('GET', '/games/a-game/shares')).body).toEqual([]);
    expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
  });

  test('restore refuses what is no backup, or is cut short, and leaves the data as they are', async () => {
    await using site = await openSite();
    await using server = await site.start();
    const device = await server.newDevice();
    await push(device, creating(evening('a')), await clockOf(device));
    const before = await stateOf(device);
    await site.run('backup');
    await server.stop();

    writeFileSync(site.backup('garbage'), 'no backup'.repeat(500));
    writeFileSync(site.backup('empty'), '');
    for (const name of ['garbage', 'empty', 'missing']) {
      expectFailure(await site.command(['restore', site.backup(name)]), /./);
    }
    await using again = await site.start();
    moveTo(device, again.url);
    expect(await stateOf(device)).toEqual(before);
  });
});

test('on sqlite a backup comes back on another machine: a new, empty data folder', async () => {
  await using from = new Site('sqlite', await createStorage('sqlite'), {});
  await using to = new Site('sqlite', await createStorage('sqlite'), {});
  await using server = await from.start();
  const device = await server.newDevice();
  await push(device, creating(evening('a')), await clockOf(device));
  await server.stop();
  await from.run('backup');
  expect((await to.command(['restore', from.backup()])).code).toBe(0);
  await using moved = await to.start();
  moveTo(device, moved.url);
  // The old machine's secret is not in the backup: the device gets new tokens with its refresh token.
  expectProblem(await device.pull(), 401, 'TOKEN_INVALID');
  expect((await device.refresh()).status).toBe(200);
  expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
});

test('on postgres without its tools, backup and restore say plainly what to run', async () => {
  await using site = new Site('postgres', await createStorage('postgres'), {});
  await (await startApp('postgres', { storage: site.storage })).stop();
  const file = site.backup();
  const env = { ...site.storage.env, PATH: site.folder };
  expectFailure(await runTidemark(['backup', file], env), /pg_dump --/);
  writeFileSync(file, 'x');
  expectFailure(await runTidemark(['restore', file], env), /pg_restore --/);
});
