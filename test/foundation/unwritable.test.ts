import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '../../src/foundation/database/database.js';
import { administrate, endConnections } from '../support/administrate.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send, type Reply } from '../support/device.js';
import { hold, lock, packedLayout, putContent } from '../support/documents.js';
import { clockOf, expectProblem, pull, store, until } from '../support/exchange.js';
import { creating, game, games } from '../support/records.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage } from '../support/storage.js';

/** Makes a database read-only; on PostgreSQL each of several connections leads to a server that can only be read. */
async function setReadOnly(app: TestApp, isReadOnly: boolean): Promise<void> {
  const database = app.nest.get(Database);
  if (database.dialect === 'sqlite') {
    await database.dataSource.query(`PRAGMA query_only = ${isReadOnly ? 'ON' : 'OFF'}`);
    return;
  }
  const url = app.storage.env.DATABASE_URL!;
  const value = isReadOnly ? 'on' : 'off';
  await administrate(url, (name) => `ALTER DATABASE ${name} SET default_transaction_read_only = ${value}`);
  if (!isReadOnly) return;
  await administrate(url, endConnections);
  await until(
    () => Promise.allSettled([1, 2, 3, 4].map(() => database.query('SELECT pg_sleep(0.2)'))),
    (outcomes) => outcomes.every(({ status }) => status === 'fulfilled'),
  );
}

/** Lets PostgreSQL say of rows and tables what it says of a full disk. */
const FILLED_POSTGRES = [
  `CREATE FUNCTION no_row() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$`,
  `CREATE FUNCTION no_table() RETURNS event_trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE 'No space left on device' USING ERRCODE = '53100'; END $$`,
  'CREATE TRIGGER no_row BEFORE INSERT ON games FOR EACH ROW EXECUTE FUNCTION no_row()',
  `CREATE EVENT TRIGGER no_table ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no_table()`,
];
const EMPTIED_POSTGRES = ['DROP EVENT TRIGGER no_table', 'DROP TRIGGER no_row ON games'];

const ready = (app: TestApp) => send('GET', `${app.url}/health/ready`);

forEachDatabase((database) => {
  test('a database that can only be read refuses each write with 503, is not ready, serves reads, and recovers', async () => {
    await using app = await startApp(database);
    const laptop = await app.newDevice();
    const phone = await laptop.pair();
    const clock = await store(laptop, { games: [game('g1')] });
    const holding = await hold(laptop, 'v1');
    const writes: Record<string, () => Promise<Reply>> = {
      push: () => laptop.push(creating({ games: [game('g2')] }), clock),
      register: () => send('POST', `${app.url}/api/v1/auth/devices`, { body: {} }),
      refresh: () => phone.refresh(),
      pairing: () => laptop.request('POST', '/auth/pairing-codes', { body: {} }),
      revoke: () => laptop.request('DELETE', `/auth/devices/${phone.deviceId}`),
      share: () => laptop.request('POST', '/games/g1/shares', { body: {} }),
      lock: () => lock(laptop, 'v2'),
      content: () => putContent(holding, '0-0', packedLayout()),
    };
    await setReadOnly(app, true);
    for (const [name, write] of Object.entries(writes)) {
      const reply = await write();
      expect({ name, status: reply.status, code: reply.body.code }).toEqual({
        name,
        status: 503,
        code: 'DATABASE_READ_ONLY',
      });
      expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    expectProblem(await ready(app), 503, 'DATABASE_READ_ONLY');
    expect((await send('GET', `${app.url}/health/live`)).status).toBe(200);
    await pull(laptop);
    await setReadOnly(app, false);
    // One write at most finds a connection of before.
    await writes.push!();
    await until(
      () => ready(app),
      ({ status }) => status === 200,
    );
    expect((await laptop.push(creating({ games: [game('g3')] }), await clockOf(laptop))).status).toBe(200);
    expect((await putContent(holding, '0-0', packedLayout())).status).toBe(200);
  });
});

test('on postgres requests that write nothing do not make it ready again', async () => {
  await using app = await startApp('postgres');
  const laptop = await app.newDevice();
  const clock = await store(laptop, { games: [game('g1')] });
  const { dataSource } = app.nest.get(Database);
  for (const sql of FILLED_POSTGRES) await dataSource.query(sql);
  expectProblem(await laptop.push(creating({ games: [game('g2')] }), clock), 507, 'DISK_FULL');
  for (let n = 0; n < 3; n++) {
    expect((await laptop.push(creating({ games: [game('g1')] }), clock)).status).toBe(200);
    expectProblem(await ready(app), 503, 'DATABASE_READ_ONLY');
  }
  for (const sql of EMPTIED_POSTGRES) await dataSource.query(sql);
  expect((await ready(app)).status).toBe(200);
  expect((await laptop.push(creating({ games: [game('g2')] }), clock)).status).toBe(200);
});

test('on postgres the connections that lead to a read-only server are dropped, also when nobody asks for the health', async () => {
  await using app = await startApp('postgres');
  const laptop = await app.newDevice();
  await setReadOnly(app, true);
  await setReadOnly(app, false);
  const clock = await clockOf(laptop);
  const push = (id: string) => laptop.push(creating({ games: [game(id)] }), clock);
  expectProblem(await push('g1'), 503, 'DATABASE_READ_ONLY');
  expect((await push('g1')).status).toBe(200);
});

describeWithSmallDisk('on a full disk', () => {
  async function refuseAndRecover(
    app: TestApp,
    disk: SmallDisk,
    whileFull: () => Promise<void>,
  ): Promise<void> {
    const laptop = await app.newDevice();
    const clock = await store(laptop, { games: [game('first')] });
    const push = (changes: object) => laptop.push(changes, clock);
    const unfill = disk.fill(1_000_000);
    const large = games(5_000).map((row) => ({ ...row, name: 'g'.repeat(200) }));
    const reply = await push(creating({ games: large }));
    expectProblem(reply, 507, 'DISK_FULL');
    expect(reply.headers.get('retry-after')).toBe('60');
    await pull(laptop);
    await whileFull();
    unfill();
    await until(
      () => ready(app),
      ({ status }) => status === 200,
    );
    expect((await push(creating({ games: large }))).status).toBe(200);
  }

  test('SQLite takes no records, is not ready, and recovers with the room', async () => {
    using disk = SmallDisk.mount(16);
    const storage = await createStorage('sqlite');
    const app = await startApp('sqlite', {
      storage: { ...storage, env: { ...storage.env, DATA_DIR: disk.path } },
    });
    await refuseAndRecover(app, disk, async () => {
      expectProblem(await ready(app), 503, 'DATABASE_READ_ONLY');
    });
    await app.stop();
    await storage.dispose();
  });

  test('PostgreSQL takes no records, and recovers with the room', async () => {
    using disk = SmallDisk.mount(24);
    const folder = join(disk.path, 'space');
    mkdirSync(folder);
    if (process.getuid?.() === 0) chownSync(folder, 65_534, 65_534);
    const storage = await createStorage('postgres');
    const url = storage.env.DATABASE_URL!;
    await administrate(url, () => `CREATE TABLESPACE small LOCATION '${folder}'`);
    try {
      await administrate(url, (name) => `ALTER DATABASE ${name} SET TABLESPACE small`);
      const app = await startApp('postgres', { storage });
      await refuseAndRecover(app, disk, async () => {});
      await app.stop();
    } finally {
      await storage.dispose();
      await administrate(url, () => `DROP TABLESPACE small`);
    }
  });
});
