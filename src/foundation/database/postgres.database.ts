import pg, { type Pool, type PoolClient, type QueryConfig } from 'pg';
import type { DataSource } from 'typeorm';
import { AppError } from '../errors/app-error.js';
import {
  Database,
  SNAPSHOT_CLOSED,
  type Connection,
  type Snapshot,
  type SqlValue,
  type Transaction,
} from './database.js';
import { Semaphore } from '../flow/semaphore.js';

const SNAPSHOT_WAIT_MS = 1_000;
const TRANSACTION_WAIT_MS = 30_000;
/** A statement that waits for nobody, and has no answer by then, gets none: its connection's peer vanished without a word. */
const ANSWER_TIMEOUT_MS = 15_000;
/** The same for the work of transactions and snapshots, which may be long, or wait for a row that a long write keeps. */
const WORK_TIMEOUT_MS = 300_000;

/** PostgreSQL over a pool of connections; statements are prepared once a connection. */
export class PostgresDatabase extends Database {
  readonly dialect = 'postgres';
  readonly commits = null;
  readonly maxSnapshots: number;
  private readonly snapshots: Semaphore;
  private readonly transactions: Semaphore;

  /**
   * @param limits together below the pool's size, so that one-shot statements always find a connection
   * @param answerTimeoutMs how long a statement that waits for nobody may take; one cut off may yet be committed
   */
  constructor(
    readonly dataSource: DataSource,
    private readonly pool: Pool,
    limits: { snapshots: number; transactions: number },
    private readonly answerTimeoutMs = ANSWER_TIMEOUT_MS,
  ) {
    super();
    this.maxSnapshots = limits.snapshots;
    this.snapshots = new Semaphore(limits.snapshots, SNAPSHOT_WAIT_MS);
    this.transactions = new Semaphore(limits.transactions, TRANSACTION_WAIT_MS);
  }

  query<R extends object>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> {
    return send<R>(this.pool, sql, params, this.answerTimeoutMs);
  }

  /** Commits by itself, without BEGIN and COMMIT. It may wait for a row that is locked, so it counts as a transaction. */
  async write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
    await this.transactions.acquire();
    try {
      return await this.query<R>(sql, params);
    } finally {
      this.transactions.release();
    }
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    await this.transactions.acquire();
    try {
      return await this.run(work);
    } finally {
      this.transactions.release();
    }
  }

  private async run<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await checkOut(this.pool);
    const connection = toConnection(client);
    let failure: unknown;
    try {
      await this.control(client, 'BEGIN');
      const result = await work({ ...connection, executeEach });
      await connection.query('COMMIT');
      return result;
    } catch (error) {
      // A connection that cannot roll back is of no use to the next one.
      await this.control(client, 'ROLLBACK').catch((rollbackError: unknown) => (failure = rollbackError));
      throw error;
    } finally {
      returnToPool(client, failure !== undefined);
    }
  }

  async openSnapshot(): Promise<Snapshot> {
    await this.snapshots.acquire();
    let client: PoolClient;
    try {
      client = await checkOut(this.pool);
    } catch (error) {
      this.snapshots.release();
      throw error;
    }
    let isOpen = true;
    const release = (isBroken: boolean) => {
      isOpen = false;
      returnToPool(client, isBroken);
      this.snapshots.release();
    };
    const connection = toConnection(client);
    try {
      await this.control(client, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    } catch (error) {
      release(true);
      throw error;
    }
    return {
      dialect: this.dialect,
      query: async (sql, params) => {
        if (!isOpen) throw new Error(SNAPSHOT_CLOSED);
        return connection.query(sql, params);
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        const isBroken = await this.control(client, 'COMMIT').then(
          () => false,
          () => true,
        );
        release(isBroken);
      },
    };
  }

  /** Begins or ends what has nothing to wait for, so that a connection that is dead is found before any work. */
  private async control(client: PoolClient, sql: string): Promise<void> {
    await ask(client, sql, [], this.answerTimeoutMs);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}

/** A connection that breaks while it is out says so as an event, which would end the process if nobody listened. */
const ignore = (): void => undefined; // the statement under way, or the next one, fails and tells

async function checkOut(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect().catch(rethrow);
  client.on('error', ignore);
  return client;
}

function returnToPool(client: PoolClient, isBroken: boolean): void {
  client.off('error', ignore);
  client.release(isBroken);
}

function executeEach(): never {
  throw new Error('executeEach would cost a round trip a row; send the rows as one parameter.');
}

function toConnection(client: PoolClient): Connection {
  return { dialect: 'postgres', query: (sql, params = []) => ask(client, sql, params, WORK_TIMEOUT_MS) };
}

/** Asks a connection that is out of the pool. Without an answer it is ended: the next statement would wait for it, too. */
function ask<R extends object>(
  client: PoolClient,
  sql: string,
  params: readonly SqlValue[],
  timeoutMs: number,
): Promise<R[]> {
  return send<R>(client, sql, params, timeoutMs).catch((error: unknown) => {
    if (error instanceof AppError) void client.end();
    throw error;
  });
}

/** Statement names, so that each connection parses a text once. None makes room for another: connections keep them all. */
const names = new Map<string, string>();
const MAX_PREPARED = 500;

async function send<R extends object>(
  target: Pool | PoolClient,
  text: string,
  values: readonly SqlValue[],
  timeoutMs: number,
): Promise<R[]> {
  let name = names.get(text);
  if (!name && names.size < MAX_PREPARED) names.set(text, (name = `tidemark_${names.size}`));
  // The pool itself gives up a connection that fails; `query_timeout` is missing in the driver's types.
  const statement: QueryConfig & { query_timeout: number } = {
    name,
    text,
    values: [...values],
    query_timeout: timeoutMs,
  };
  const result = await target.query<R>(statement).catch(rethrow);
  return result.rows;
}

/** Tells a database that is away, going (class 57) or exhausted (53) from a statement that failed. */
function rethrow(error: unknown): never {
  const isOfStatement =
    error instanceof pg.DatabaseError && error.severity !== 'FATAL' && !/^5[37]/.test(error.code ?? '');
  if (isOfStatement) throw error;
  throw new AppError(
    'OVERLOADED',
    { detail: 'The database does not answer.', retry_after: 5 },
    { cause: error },
  );
}
