import pg from 'pg';
import { MIGRATION_LOCK } from '../../src/foundation/database/migration-lock.js';
import { until } from '../support/exchange.js';
import { runTidemark, spawnTidemark, startServer } from '../support/server-process.js';
import { createStorage, joinPostgres, leavePostgres, type Storage } from '../support/storage.js';
import type { Postgres } from '../support/postgres.js';
import { expectOneLine } from './refusals.js';

describe('a start on a PostgreSQL that does not fit', () => {
  let postgres: Postgres;
  let storage: Storage;
  let database: string;
  beforeAll(async () => {
    postgres = await joinPostgres();
  });
  afterAll(() => leavePostgres());
  beforeEach(async () => {
    storage = await createStorage('postgres');
    database = new URL(storage.env.DATABASE_URL!).pathname.slice(1);
  });
  afterEach(() => storage.dispose());

  const start = (url = storage.env.DATABASE_URL!) =>
    runTidemark(['start'], { ...storage.env, DATABASE_URL: url, PORT: '0', LOG_LEVEL: 'error' });

  test('without the right to make tables: one line at once', async () => {
    const role = `limited_${database}`;
    await postgres.query(`CREATE ROLE ${role} LOGIN`);
    try {
      const url = storage.env.DATABASE_URL!.replace('postgres@', `${role}@`);
      expectOneLine(await start(url), /permission denied for schema public .*CREATE/);
    } finally {
      await postgres.query(`DROP ROLE ${role}`);
    }
  });

  test('without rights on tables that are there: one line at once', async () => {
    await using server = await startServer({ storage });
    await server.kill('SIGTERM');
    const role = `stranger_${database}`;
    await postgres.query(`CREATE ROLE ${role} LOGIN`);
    try {
      const url = storage.env.DATABASE_URL!.replace('postgres@', `${role}@`);
      expectOneLine(await start(url), /permission denied/);
    } finally {
      await postgres.query(`DROP ROLE ${role}`);
    }
  });

  test.each(['with', 'without'])('read-only, %s its tables: one line at once', async (tables) => {
    if (tables === 'with') await (await startServer({ storage })).kill('SIGTERM');
    await postgres.query(`ALTER DATABASE ${database} SET default_transaction_read_only = on`);
    expectOneLine(await start(), /read-only/);
  });

  test.each(['LATIN1', 'SQL_ASCII', 'EUC_JP'])(
    'encoded in %s: one line that names UTF8',
    async (encoding) => {
      const other = `${database}_${encoding.toLowerCase()}`;
      await postgres.query(
        `CREATE DATABASE ${other} TEMPLATE template0 ENCODING '${encoding}' LOCALE_PROVIDER libc LOCALE 'C'`,
      );
      try {
        expectOneLine(await start(postgres.url(other)), new RegExp(`${encoding}.*UTF8`));
      } finally {
        await postgres.dropDatabase(other);
      }
    },
  );

  test('that is no database there: one line', async () => {
    expectOneLine(await start(postgres.url('nowhere')), /Cannot reach .*"nowhere" does not exist/);
  });

  describe('whose migration lock another session holds', () => {
    let holder: pg.Client;
    beforeEach(async () => {
      holder = new pg.Client({ connectionString: storage.env.DATABASE_URL, application_name: 'the holder' });
      holder.on('error', () => undefined);
      await holder.connect();
      await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    });
    afterEach(() => holder.end());

    const begin = (args = ['start']) => spawnTidemark(args, { ...storage.env, PORT: '0' });
    const untilItWaits = (command: ReturnType<typeof begin>) =>
      until(command.output, (text) => /the holder.*waiting/.test(text), 20_000);

    test.each(['SIGTERM', 'SIGINT'] as const)('it says whom it waits for, and ends at %s', async (signal) => {
      const command = begin();
      await untilItWaits(command);
      expect(await command.kill(signal)).toMatchObject({ code: null, signal, stderr: '' });
    });

    test('it goes on when the lock is free', async () => {
      const command = begin();
      await untilItWaits(command);
      await holder.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await until(command.output, (text) => text.includes('Tidemark is ready'), 20_000);
      expect(await command.kill('SIGTERM')).toMatchObject({ code: 0 });
    });

    test('it ends with one line when its connection breaks', async () => {
      const command = begin();
      await untilItWaits(command);
      await postgres.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '${database}' AND application_name LIKE 'tidemark%'`,
      );
      expectOneLine(await command.ended, /PostgreSQL at .*(terminat|connection)/);
    });

    test('a restore says so too', async () => {
      const command = begin(['restore', 'package.json']);
      await untilItWaits(command);
      expect(await command.kill('SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
    });
  });
});
