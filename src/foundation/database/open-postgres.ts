import pg, { type ClientBase, type Pool } from 'pg';
import { DataSource, QueryFailedError } from 'typeorm';
import type { Config } from '../config/config.js';
import { postgresOptions } from '../config/postgres-url.js';
import { AppStartError } from '../errors/app-start-error.js';
import { DiskSpace } from '../files/disk-space.js';
import { checkPostgres, readOnly } from './check-postgres.js';
import { connectPostgres, describePostgres, reasonOf, unreachable } from './connect-postgres.js';
import type { Database } from './database.js';
import { migrate, ormOptions, type Declared } from './migrate.js';
import { takeMigrationLock } from './migration-lock.js';
import { PostgresDatabase } from './postgres.database.js';

/** Passes a sentence to the operator. */
export type Tell = (sentence: string) => void;

/** How a database is opened. */
export interface OpenOptions {
  /** How long PostgreSQL may take to answer a one-shot statement; default: 15 s. */
  answerTimeoutMs?: number;
  /** Tells the operator why opening takes long; default: on stderr. */
  tell?: Tell;
}

/** Connects to PostgreSQL and migrates it. @throws AppStartError */
export async function openPostgres(
  config: Config,
  url: string,
  declared: Declared,
  { answerTimeoutMs, tell = toStderr }: OpenOptions,
): Promise<Database> {
  const session = await connectPostgres(url, 'tidemark');
  try {
    await checkPostgres(url, session);
    // If two processes start at once, the second waits here and finds the migrations done.
    await takeMigrationLock(session, tell);
    const dataSource = await connectPool(config, url, declared);
    try {
      const run = async (sql: string) => (await session.query<object>(sql)).rows;
      await migrate(dataSource, 'postgres', run, declared);
    } catch (error) {
      await dataSource.destroy();
      throw error;
    }
    return toDatabase(dataSource, config, answerTimeoutMs);
  } catch (error) {
    throw cannotOpen(url, error);
  } finally {
    await session.end(); // gives the lock back
  }
}

export const toStderr: Tell = (sentence) => void process.stderr.write(`${sentence}\n`);

async function connectPool(config: Config, url: string, declared: Declared): Promise<DataSource> {
  // Longer than a slow reader may take: PostgreSQL ends only transactions that this process has forgotten.
  const idleMs = config.pullStallSeconds * 2_000 + 60_000;
  const dataSource = new DataSource({
    ...ormOptions('postgres', declared),
    type: 'postgres',
    installExtensions: false,
    extra: {
      ...postgresOptions(url),
      application_name: 'tidemark',
      max: config.databasePoolSize,
      connectionTimeoutMillis: 5_000,
      // A firewall may drop a connection silently: keepalive packets find that out while an answer is awaited.
      keepAlive: true,
      keepAliveInitialDelayMillis: 15_000,
      // A statement, not an option of the connection: PgBouncer refuses those.
      onConnect: (client: ClientBase) =>
        client.query(`SET idle_in_transaction_session_timeout = ${idleMs}`).then(() => undefined),
      types: { getTypeParser },
    },
  });
  try {
    return await dataSource.initialize();
  } catch (error) {
    throw unreachable(url, error);
  }
}

function toDatabase(dataSource: DataSource, config: Config, answerTimeoutMs?: number): PostgresDatabase {
  const { master } = dataSource.driver as unknown as { master: Pool };
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

/** The sentence for a statement that PostgreSQL refused, or did not answer; a fault of the program as it is. */
function cannotOpen(url: string, error: unknown): unknown {
  if (error instanceof AppStartError) return error;
  const { code, message } = error as { code?: string; message: string };
  const isOfDatabase =
    error instanceof QueryFailedError || error instanceof pg.DatabaseError || code !== undefined;
  if (!isOfDatabase && !/connection|timeout/i.test(message)) return error;
  if (code === '25006') return readOnly(url);
  const remedy =
    code === '42501' ? ' (make this user the owner of the database, or grant it CREATE on the schema)' : '';
  const sentence = `Cannot migrate ${describePostgres(url)}: ${reasonOf(error)}${remedy}.`;
  return new AppStartError(sentence, { cause: error });
}
