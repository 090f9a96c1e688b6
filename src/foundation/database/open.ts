import { join } from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import pg, { type Pool } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Config } from '../config/config.js';
import { makeDataDir } from '../files/data-dir.js';
import { AppStartError } from '../errors/app-start-error.js';
import type { Dialect } from '../../protocol/columns.js';
import type { Schema } from '../../protocol/schema.js';
import { FolderLock } from '../files/folder-lock.js';
import type { Database } from './database.js';
import { entities } from './entities.js';
import { migrations } from './migrations.js';
import { PostgresDatabase } from './postgres.database.js';
import { checkRecordNames, MIGRATIONS_TABLE, type ServerTables } from './server-tables.js';
import { SqliteDatabase } from './sqlite.database.js';

/** The advisory lock of migrations: an arbitrary number that other programs are unlikely to use. */
export const MIGRATION_LOCK = 7_210_331;

/** The path of the SQLite database in a data directory. */
export function sqliteFile(dataDir: string): string {
  return join(dataDir, 'tidemark.db');
}

/**
 * Connects to the configured database and migrates it to the declared tables.
 * @param schema the records
 * @param server the server's own tables
 * @param answerTimeoutMs how long PostgreSQL may take to answer a one-shot statement; default: 15 s
 * @throws AppStartError when the database cannot be reached, lacks declared columns, or `schema` and `server` declare
 *   the same name
 */
export async function openDatabase(
  config: Config,
  schema: Schema,
  server: ServerTables,
  answerTimeoutMs?: number,
): Promise<Database> {
  checkRecordNames(schema, server);
  const declared = { schema, server };
  const database = config.databaseUrl
    ? await openPostgres(config, config.databaseUrl, declared, answerTimeoutMs)
    : await openSqlite(config, declared);
  try {
    await checkColumns(database, schema);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

interface Declared {
  schema: Schema;
  server: ServerTables;
}

function ormOptions(dialect: Dialect, { schema, server }: Declared) {
  return {
    entities: entities(dialect, schema, server),
    migrations: migrations(dialect, schema, server),
    migrationsTableName: MIGRATIONS_TABLE,
    logging: false,
  } satisfies Partial<DataSourceOptions>;
}

async function openSqlite(config: Config, declared: Declared): Promise<Database> {
  makeDataDir(config.dataDir);
  const lock = FolderLock.take(config.dataDir);
  try {
    return await openSqliteFile(config, declared, lock);
  } catch (error) {
    lock.release();
    const { code, message } = error as { code?: string; message: string };
    if (code !== 'SQLITE_NOTADB' && code !== 'SQLITE_CORRUPT') throw error;
    const file = sqliteFile(config.dataDir);
    throw new AppStartError(`${file} is damaged, or no database (${message}); restore a backup.`, {
      cause: error,
    });
  }
}

async function openSqliteFile(config: Config, declared: Declared, lock: FolderLock): Promise<Database> {
  const file = sqliteFile(config.dataDir);
  let writer: BetterSqlite.Database | undefined;
  const dataSource = new DataSource({
    ...ormOptions('sqlite', declared),
    type: 'better-sqlite3',
    database: file,
    prepareDatabase: (handle: BetterSqlite.Database) => {
      writer = handle;
      handle.pragma('journal_mode = WAL');
      handle.pragma('synchronous = FULL');
      handle.pragma('busy_timeout = 5000');
      handle.pragma('trusted_schema = OFF');
    },
  });
  await dataSource.initialize();
  if (!writer) throw new Error('TypeORM opened no SQLite connection.');
  await dataSource.runMigrations();
  return new SqliteDatabase(dataSource, writer, file, config.maxOpenSnapshots, lock);
}

async function openPostgres(
  config: Config,
  url: string,
  declared: Declared,
  answerTimeoutMs?: number,
): Promise<Database> {
  const dataSource = new DataSource({
    ...ormOptions('postgres', declared),
    type: 'postgres',
    url,
    applicationName: 'tidemark',
    installExtensions: false,
    extra: {
      max: config.databasePoolSize,
      connectionTimeoutMillis: 5_000,
      // A firewall may drop a connection silently: keepalive packets find that out while an answer is awaited.
      keepAlive: true,
      keepAliveInitialDelayMillis: 15_000,
      // Longer than a slow reader may take: PostgreSQL ends only transactions that this process has forgotten.
      options: `-c idle_in_transaction_session_timeout=${config.pullStallSeconds * 2_000 + 60_000}`,
      types: { getTypeParser },
    },
  });
  try {
    await dataSource.initialize();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AppStartError(`Cannot reach PostgreSQL at ${withoutPassword(url)}: ${reason}`, {
      cause: error,
    });
  }
  const { master } = dataSource.driver as unknown as { master: Pool };
  // If two processes start at once, the second waits here and finds the migrations done.
  const lock = await master.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await dataSource.runMigrations();
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  } finally {
    lock.release();
  }
  // A quarter of the connections stays free for one-shot statements, such as the guard's.
  const half = Math.floor(config.databasePoolSize / 2);
  const limits = {
    snapshots: Math.min(config.maxOpenSnapshots, half),
    transactions: Math.floor(config.databasePoolSize / 4),
  };
  return new PostgresDatabase(dataSource, master, limits, answerTimeoutMs);
}

/** Reads bigint columns as numbers, which is exact: they hold epoch milliseconds and clamped integers. */
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text');

function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//');
}

/** Refuses to start if a declared column is missing: no migration adds a column declared in a version already applied. */
async function checkColumns(database: Database, schema: Schema): Promise<void> {
  const found = await database.query<{ table: string; column: string }>(
    database.dialect === 'sqlite'
      ? `SELECT m.name AS "table", c.name AS "column" FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'`
      : `SELECT table_name AS "table", column_name AS "column" FROM information_schema.columns WHERE table_schema = current_schema()`,
  );
  const existing = new Set(found.map(({ table, column }) => `${table}.${column}`));
  const missing = Object.entries(schema.tables)
    .flatMap(([table, { columns }]) => Object.keys(columns).map((column) => `${table}.${column}`))
    .filter((name) => !existing.has(name));
  if (missing.length > 0) {
    throw new AppStartError(
      `The database has no ${missing.join(', ')}: it was made from an earlier declaration of the same schema version. ` +
        'Declare what is new with the next version as its `since`.',
    );
  }
}
