import { join } from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import pg, { type Pool } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import type { Config } from '../config/config.js';
import { makeDataDir } from '../files/data-dir.js';
import { AppStartError } from '../errors/app-start-error.js';
import type { Dialect } from '../../protocol/columns.js';
import type { Schema } from '../../protocol/schema.js';
import { DiskSpace } from '../files/disk-space.js';
import { FolderLock } from '../files/folder-lock.js';
import { compareTables } from './compare-tables.js';
import type { Database } from './database.js';
import { entities } from './entities.js';
import { readTables, storeTables, type RunSql } from './found-tables.js';
import { migrations } from './migrations.js';
import { PostgresDatabase } from './postgres.database.js';
import { checkRecordNames, MIGRATIONS_TABLE, type ServerTables } from './server-tables.js';
import { SqliteDatabase } from './sqlite.database.js';
import { isWriteFault, sqliteWriteFault } from './write-faults.js';

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
 * @throws AppStartError when the database cannot be reached, contradicts the declaration (nothing is changed then), or
 *   `schema` and `server` declare the same name
 */
export async function openDatabase(
  config: Config,
  schema: Schema,
  server: ServerTables,
  answerTimeoutMs?: number,
): Promise<Database> {
  checkRecordNames(schema, server);
  const declared = { schema, server };
  return config.databaseUrl
    ? openPostgres(config, config.databaseUrl, declared, answerTimeoutMs)
    : openSqlite(config, declared);
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
    throw unusable(sqliteFile(config.dataDir), error);
  }
}

/** The sentence for a file that cannot be used; any other error as it is. */
function unusable(file: string, error: unknown): unknown {
  const fault = sqliteWriteFault(error);
  if (!isWriteFault(fault)) return damaged(file, error);
  const sentence = `The database ${file} takes no write (${(error as Error).message}); make room on the disk, or make it writable.`;
  return new AppStartError(sentence, { cause: error });
}

/** The sentence for a file that is no intact database; any other error as it is. */
export function damaged(file: string, error: unknown): unknown {
  const { code, message } = error as { code?: string; message: string };
  if (!/^SQLITE_(NOTADB|CORRUPT)/.test(code ?? '')) return error;
  const sentence = `${file} is damaged, or no database (${message}); restore a backup.`;
  return new AppStartError(sentence, { cause: error });
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
  try {
    await dataSource.initialize();
    if (!writer) throw new Error('TypeORM opened no SQLite connection.');
    await migrate(dataSource, 'sqlite', (sql) => dataSource.query(sql), declared);
  } catch (error) {
    if (dataSource.isInitialized) await dataSource.destroy();
    else writer?.close();
    throw error;
  }
  return new SqliteDatabase(dataSource, writer, file, config.maxOpenSnapshots, lock, new DiskSpace(config));
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
    throw unreachable(url, error);
  }
  const { master } = dataSource.driver as unknown as { master: Pool };
  // If two processes start at once, the second waits here and finds the migrations done.
  const lock = await master.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await migrate(dataSource, 'postgres', async (sql) => (await lock.query<object>(sql)).rows, declared);
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
    lock.release();
  } catch (error) {
    // Closes the connection, which gives the lock back.
    lock.release(true);
    await dataSource.destroy();
    throw error;
  }
  // A quarter of the connections stays free for one-shot statements, such as the guard's.
  const half = Math.floor(config.databasePoolSize / 2);
  const limits = {
    snapshots: Math.min(config.maxOpenSnapshots, half),
    transactions: Math.floor(config.databasePoolSize / 4),
  };
  return new PostgresDatabase(dataSource, master, limits, new DiskSpace(config), answerTimeoutMs);
}

/** Reads bigint columns as numbers, which is exact: they hold epoch milliseconds and clamped integers. */
const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: 'text' | 'binary') =>
  oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format as 'text');

/** The sentence for a PostgreSQL that cannot be reached, without its password. */
export function unreachable(url: string, error: unknown): AppStartError {
  const reason = error instanceof Error ? error.message : String(error);
  const address = url.replace(/\/\/[^@/]*@/, '//');
  return new AppStartError(`Cannot reach PostgreSQL at ${address}: ${reason}`, { cause: error });
}

/** Migrates to the declared tables. @throws AppStartError, one line a fault, when the database contradicts them */
async function migrate(
  dataSource: DataSource,
  dialect: Dialect,
  run: RunSql,
  { schema, server }: Declared,
): Promise<void> {
  const found = await readTables(dialect, run, server);
  const { faults } = compareTables(dialect, found, schema, server);
  if (faults.length > 0) throw new AppStartError(faults.join('\n'));
  await dataSource.runMigrations();
  await storeTables(run, schema, found);
}
