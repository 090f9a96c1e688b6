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
import { isWriteFault, postgresWriteFault, readOnly, silent } from './write-faults.js';
import type { DiskSpace } from '../files/disk-space.js';
import { Semaphore } from '../flow/semaphore.js';

const SNAPSHOT_WAIT_MS = 1_000;
const TRANSACTION_WAIT_MS = 30_000;
/** A one-shot statement without an answer by then is given up: PostgreSQL has probably vanished without closing. */
const ANSWER_TIMEOUT_MS = 15_000;
/** The same for statements in transactions and snapshots, which may run long or wait for a locked row. */
const WORK_TIMEOUT_MS = 300_000;

/** PostgreSQL over a pool of connections; each connection prepares a statement once. */
export class PostgresDatabase extends Database {
  readonly dialect = 'postgres';
  readonly commits = null;
  readonly maxSnapshots: number;
  private readonly snapshots: Semaphore;
  private readonly transactions: Semaphore;
  /** Whether a write failed because the database takes none, and `checkWritable` has made none since. */
  private hasFailed = false;

  /**
   * @param limits their sum must be below the pool's size, so that one-shot statements always find a connection
   * @param answerTimeoutMs how long a one-shot statement may take; if it is cut off, it may still be committed
   */
  constructor(
    readonly dataSource: DataSource,
    private readonly pool: Pool,
    limits: { snapshots: number; transactions: number },
    readonly disk: DiskSpace,
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

  /** Commits itself, without BEGIN and COMMIT. It counts as a transaction because it may wait for a locked row. */
  async write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
    return this.inPlace(() => this.query<R>(sql, params));
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.inPlace(() => this.run(work));
  }

  /** Writes when one of the places of transactions is free. */
  private async inPlace<T>(write: () => Promise<T>): Promise<T> {
    await this.transactions.acquire();
    try {
      return await write();
    } catch (error) {
      if (isWriteFault(error)) this.noteFault();
      throw error;
    } finally {
      this.transactions.release();
    }
  }

  /**
   * After a failover the other connections lead to the server that can only be read, too: drops those that are idle, so
   * that the next write goes to the new primary. Those in use are dropped when they fail.
   */
  private noteFault(): void {
    this.hasFailed = true;
    for (let idle = this.pool.idleCount; idle > 0; idle -= 1) {
      void this.pool.connect().then(
        (client) => client.release(true),
        () => undefined, // the server is away: the next request says so
      );
    }
  }

  async checkWritable(): Promise<void> {
    const [row] = await this.query<{ isReadOnly: boolean }>(
      `SELECT current_setting('transaction_read_only')::bool AS "isReadOnly"`,
    );
    if (row!.isReadOnly) {
      this.noteFault();
      throw readOnly();
    }
    if (!this.hasFailed) return;
    // The smallest write that every user may make: rows of the catalog, which are gone at the end.
    await this.transaction((tx) => tx.query('CREATE TEMPORARY TABLE tidemark_probe () ON COMMIT DROP')).catch(
      (error: unknown) => {
        if (isWriteFault(error)) throw readOnly(error);
        if (error instanceof AppError) throw error;
        // Otherwise this user may make none.
      },
    );
    this.hasFailed = false;
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
      // A connection that cannot roll back must not be used again.
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

  /** Runs BEGIN, ROLLBACK or a read-only COMMIT. They wait for no lock, so a short timeout reveals a dead connection. */
  private async control(client: PoolClient, sql: string): Promise<void> {
    await ask(client, sql, [], this.answerTimeoutMs);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
  }
}

/** Listens for the 'error' event of a checked-out connection that breaks: without a listener it would end the process. */
const ignore = (): void => undefined; // the running statement, or the next one, fails and reports it

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

/** Runs a statement on a checked-out connection, and ends the connection without an answer: the next would hang too. */
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

/** SQL → statement name, so that a connection parses it once. Names are never dropped: connections keep statements. */
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
  // The pool itself discards a connection that fails. `query_timeout` is missing in the driver's types.
  const statement: QueryConfig & { query_timeout: number } = {
    name,
    text,
    values: [...values],
    query_timeout: timeoutMs,
  };
  const result = await target.query<R>(statement).catch(rethrow);
  return result.rows;
}

/**
 * Rethrows a statement's own error, or says why PostgreSQL takes no write; OVERLOADED if it is away, stopping (class 57) or
 * exhausted (class 53).
 */
function rethrow(error: unknown): never {
  const isOfStatement =
    error instanceof pg.DatabaseError && error.severity !== 'FATAL' && !/^5[37]/.test(error.code ?? '');
  throw postgresWriteFault(error) ?? (isOfStatement ? error : silent(error));
}
