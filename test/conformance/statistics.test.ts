import pg from 'pg';
import { RetentionService } from '../../src/sync/retention.service.js';
import { startApp } from '../support/app.js';
import { clockOf, liveRows, pull, push, store } from '../support/exchange.js';
import { creating, deleting, evening, game, games } from '../support/records.js';
import { TestClock } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';

const ROWS = 10_000;
const DAY = 86_400_000;

/** PostgreSQL before its first ANALYZE, as after an installation, a restore or an upgrade: it expects hardly any rows. */
describe('without statistics', () => {
  let storage: Storage;
  const clock = new TestClock();
  const TABLES = ['games', 'game_players', 'rounds', 'scores'];

  async function query<R extends pg.QueryResultRow>(sql: string): Promise<R[]> {
    const client = new pg.Client({ connectionString: storage.env.DATABASE_URL });
    await client.connect();
    try {
      return (await client.query<R>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async function start() {
    const env = { TOMBSTONE_RETENTION_DAYS: '1', ACCESS_TOKEN_TTL_SECONDS: '31536000' };
    const app = await startApp('postgres', { storage, now: clock.now, env });
    // PostgreSQL would make statistics after a while.
    for (const table of TABLES) await query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
    return app;
  }

  beforeEach(async () => {
    storage = await createStorage('postgres');
  });
  afterEach(() => storage.dispose());

  /** How many rows of the record tables all statements so far have read; the server must have stopped. */
  async function rowsRead(): Promise<number> {
    const [row] = await query<{ n: string }>(
      `SELECT sum(seq_tup_read + idx_tup_fetch) AS n FROM pg_stat_user_tables WHERE relname IN ('${TABLES.join("', '")}')`,
    );
    return Number(row!.n);
  }

  test('a pull reads each row twice: to count it and to send it', async () => {
    const app = await start();
    const device = await app.newDevice();
    const lastPulledAt = await clockOf(device);
    await push(device, creating({ games: games(ROWS) }), lastPulledAt);
    expect((await pull(device)).changes.games!.updated).toHaveLength(ROWS);
    expect((await pull(device, lastPulledAt)).changes.games!.updated).toHaveLength(ROWS);
    const migration = JSON.stringify({ from: 1, tables: ['games'], columns: [] });
    expect((await pull(device, await clockOf(device), { migration })).changes.games!.updated).toHaveLength(
      ROWS,
    );
    await app.stop();
    // Three of the pulls, and `clockOf`.
    expect(await rowsRead()).toBeLessThan(8.5 * ROWS);
  });

  test('deletions too, and a purge reads each one a few times', async () => {
    const app = await start();
    const device = await app.newDevice();
    const lastPulledAt = await store(device, { games: [game('kept')] });
    await push(device, deleting({ games: games(ROWS).map(({ id }) => id) }), lastPulledAt);
    expect((await pull(device, lastPulledAt)).changes.games!.deleted).toHaveLength(ROWS);
    clock.ms += 2 * DAY;
    await app.nest.get(RetentionService).purge();
    await app.stop();
    expect(await query('SELECT tombstone_count AS n FROM accounts')).toEqual([{ n: '0' }]);
    // Read by the pull twice; by the purge to find its account, to choose it, to remove it, and once more while it is dead.
    expect(await rowsRead()).toBeLessThan(8.5 * ROWS);
  });

  test('a push reads the rows it names and those below them, however many the account has', async () => {
    const app = await start();
    const device = await app.newDevice();
    const lastPulledAt = await store(device, evening('e'));
    await push(device, creating({ games: games(ROWS) }), lastPulledAt);
    const rounds = games(ROWS).map(({ id }, n) => ({ id: `r${n}`, game_id: id, round_number: 1 }));
    await push(device, creating({ rounds }), lastPulledAt);
    await push(device, deleting({ games: games(ROWS).map(({ id }) => id) }), await clockOf(device));
    expect(Object.keys(await liveRows(device))).toHaveLength(4);
    await app.stop();
    expect(await rowsRead()).toBeLessThan(14 * ROWS);
  });
});
