import pg, { type Pool, type PoolClient } from 'pg';
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
import { Permits } from './permits.js';

const SNAPSHOT_WAIT_MS = 1_000;
const TRANSACTION_WAIT_MS = 30_000;

/** PostgreSQL over a pool of connections; statements are prepared once a connection. */
export class PostgresDatabase extends Database {
  readonly dialect = 'postgres';
  readonly commits = null;
  readonly maxSnapshots: number;
  private readonly snapshots: Permits;
  private readonly transactions: Permits;

  /** @param limits together below the pool's size, so that one-shot statements always find a connection */
  constructor(
    readonly dataSource: DataSource,
    private readonly pool: Pool,
    limits: { snapshots: number; transactions: number },
  ) {
    super();
    this.maxSnapshots = limits.snapshots;
    this.snapshots = new Permits(limits.snapshots, SNAPSHOT_WAIT_MS);
    this.transactions = new Permits(limits.transactions, TRANSACTION_WAIT_MS);
  }

  query<R extends object>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> {
    return send<R>(this.pool, sql, params);
  }

  /** Commits by itself, without BEGIN and COMMIT. It may wait for a row that is locked, so it counts as a transaction. */
  async write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
    await this.transactions.take();
    try {
      return await this.query<R>(sql, params);
    } finally {
      this.transactions.giveBack();
    }
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    await this.transactions.take();
    try {
      return await this.run(work);
    } finally {
      this.transactions.giveBack();
    }
  }

  private async run<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const client = await checkOut(this.pool);
    const connection = toConnection(client);
    let failure: unknown;
    try {
      await connection.query('BEGIN');
      const result = await work({ ...connection, executeEach });
      await connection.query('COMMIT');
      return result;
    } catch (error) {
      // A connection that cannot roll back is of no use to the next one.
      await connection.query('ROLLBACK').catch((rollbackError: unknown) => (failure = rollbackError));
      throw error;
    } finally {
      giveBack(client, failure !== undefined);
    }
  }

  async openSnapshot(): Promise<Snapshot> {
    await this.snapshots.take();
    let client: PoolClient;
    try {
      client = await checkOut(this.pool);
    } catch (error) {
      this.snapshots.giveBack();
      throw error;
    }
    let isOpen = true;
    const release = (isBroken: boolean) => {
      isOpen = false;
      giveBack(client, isBroken);
      this.snapshots.giveBack();
    };
    const connection = toConnection(client);
    try {
      await connection.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
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
        const isBroken = await connection.query('COMMIT').then(
          () => false,
          () => true,
        );
        release(isBroken);
      },
    };
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

function giveBack(client: PoolClient, isBroken: boolean): void {
  client.off('error', ignore);
  client.release(isBroken);
}

function executeEach(): never {
  throw new Error('executeEach would cost a round trip a row; send the rows as one parameter.');
}

function toConnection(client: PoolClient): Connection {
  return { dialect: 'postgres', query: (sql, params = []) => send(client, sql, params) };
}

/** Statement names, so that each connection parses a text once. Clients can vary a few texts, hence the limit. */
const names = new Map<string, string>();
const MAX_PREPARED = 500;

async function send<R extends object>(
  target: Pool | PoolClient,
  text: string,
  values: readonly SqlValue[],
): Promise<R[]> {
  let name = names.get(text);
  if (!name && names.size < MAX_PREPARED) names.set(text, (name = `tidemark_${names.size}`));
  const result = await target.query<R>({ name, text, values: [...values] }).catch(rethrow);
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
