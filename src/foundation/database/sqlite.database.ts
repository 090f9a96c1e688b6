import BetterSqlite from 'better-sqlite3';
import { LRUCache } from 'lru-cache';
import type { DataSource } from 'typeorm';
import { Batcher } from '../flow/batcher.js';
import type { DiskSpace } from '../files/disk-space.js';
import type { FolderLock } from '../files/folder-lock.js';
import {
  Database,
  SNAPSHOT_CLOSED,
  type Connection,
  type Snapshot,
  type SqlValue,
  type Transaction,
} from './database.js';
import { Mutex } from '../flow/mutex.js';
import { Semaphore } from '../flow/semaphore.js';
import { isWriteFault, readOnly, silent, sqliteReadFault, sqliteWriteFault } from './write-faults.js';

type Handle = BetterSqlite.Database;

/** Prepared statements kept per connection. */
const MAX_PREPARED = 500;
const SNAPSHOT_WAIT_MS = 1_000;
/** With less on the disk, a write of a few rows may fail. */
const LEAST_FREE_BYTES = 262_144;

interface Write {
  sql: string;
  params?: readonly SqlValue[];
}

interface Prepared {
  statement: BetterSqlite.Statement;
  /** For each `?`, the index of its parameter. */
  order: number[];
}

/**
 * SQLite in WAL mode: one connection writes, with its transactions in a queue, and other connections read. TypeORM
 * alone would use one connection for everything, so reads would see uncommitted rows (typeorm#1884).
 */
export class SqliteDatabase extends Database {
  readonly dialect = 'sqlite';
  commits = 0;
  private readonly writer: SqliteConnection;
  private readonly reader: SqliteConnection;
  private readonly idle: SqliteConnection[] = [];
  private readonly snapshots: Semaphore;
  private readonly writes = new Batcher((writes: Write[]) => this.writeTogether(writes));
  private readonly turns = new Mutex();
  /** Whether a write failed because the database takes none, and `checkWritable` has made none since. */
  private hasFailed = false;

  /**
   * @param writer TypeORM's connection, already configured
   * @param file path of the database, for opening readers
   * @param lock keeps other processes out; released by `close`
   */
  constructor(
    readonly dataSource: DataSource,
    writer: Handle,
    private readonly file: string,
    readonly maxSnapshots: number,
    private readonly lock: FolderLock,
    readonly disk: DiskSpace,
  ) {
    super();
    this.writer = new SqliteConnection(writer);
    this.reader = this.openReader();
    this.snapshots = new Semaphore(maxSnapshots, SNAPSHOT_WAIT_MS);
  }

  async query<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
    return this.reader.query<R>(sql, params).catch(rethrowReadFault);
  }

  async write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]> {
    const outcome = await this.writes.ask({ sql, params });
    if (outcome.status === 'rejected') throw this.noteFault(outcome.reason);
    return outcome.value as R[];
  }

  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.turns.run(() => this.commitOrReclaim(work));
  }

  async openSnapshot(): Promise<Snapshot> {
    await this.snapshots.acquire();
    let connection: SqliteConnection;
    try {
      connection = this.idle.pop() ?? this.openReader();
      await connection.query('BEGIN');
    } catch (error) {
      this.snapshots.release();
      throw silent(error);
    }
    let isOpen = true;
    return {
      dialect: this.dialect,
      query: async (sql, params) => {
        if (!isOpen) throw new Error(SNAPSHOT_CLOSED);
        return connection.query<never>(sql, params).catch(rethrowReadFault);
      },
      close: async () => {
        if (!isOpen) return;
        isOpen = false;
        try {
          await connection.query('COMMIT');
          this.idle.push(connection);
        } catch {
          connection.close(); // it only read; the next snapshot opens another one
        } finally {
          this.snapshots.release();
        }
      },
    };
  }

  async checkWritable(): Promise<void> {
    await this.query('SELECT 1');
    const usage = await this.disk.usage().catch((error: unknown) => {
      throw readOnly(error);
    });
    if (usage && usage.freeBytes < LEAST_FREE_BYTES) throw readOnly();
    if (!this.hasFailed) return;
    // Writes the first page without changing it.
    await this.transaction(async (tx) => {
      const [row] = await tx.query<{ user_version: number }>('PRAGMA user_version');
      await tx.query(`PRAGMA user_version = ${row!.user_version}`);
    }).catch((error: unknown) => {
      throw isWriteFault(error) ? readOnly(error) : error;
    });
    this.hasFailed = false;
  }

  async close(): Promise<void> {
    await this.writes.drain();
    await this.turns.ended();
    for (const connection of [this.reader, ...this.idle]) connection.close();
    await this.dataSource.destroy();
    this.lock.release();
  }

  /** Runs all writes in one commit, so that they wait for the disk once. */
  private writeTogether(writes: Write[]): Promise<PromiseSettledResult<object[]>[]> {
    return this.turns.run(() =>
      this.commitOrReclaim(async (tx) => {
        // A failing statement rolls back only itself …
        const outcomes = await Promise.allSettled(writes.map(({ sql, params }) => tx.query(sql, params)));
        const failed = outcomes.find(({ status }) => status === 'rejected') as
          PromiseRejectedResult | undefined;
        // … but a disk error rolls back the transaction, so that all writes fail.
        if (failed && !this.writer.inTransaction) throw failed.reason;
        return outcomes;
      }),
    );
  }

  /** Commits; on a full disk once more, in the same turn, after what can be spared was removed. */
  private async commitOrReclaim<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.disk.orReclaim(() => this.commit(work));
    } catch (error) {
      throw this.noteFault(error);
    }
  }

  private noteFault(error: unknown): unknown {
    const fault = sqliteWriteFault(error);
    this.hasFailed ||= isWriteFault(fault);
    return fault;
  }

  private async commit<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    await this.writer.query('BEGIN IMMEDIATE');
    try {
      const result = await work(this.writer);
      await this.writer.query('COMMIT');
      this.commits++;
      return result;
    } catch (error) {
      // After some errors, such as a full disk, SQLite has already rolled back.
      if (this.writer.inTransaction) await this.writer.query('ROLLBACK');
      throw error;
    }
  }

  private openReader(): SqliteConnection {
    const handle = new BetterSqlite(this.file, { readonly: true, fileMustExist: true });
    handle.pragma('busy_timeout = 5000');
    return new SqliteConnection(handle);
  }
}

function rethrowReadFault(error: unknown): never {
  throw sqliteReadFault(error);
}

/** One SQLite connection with its prepared statements. */
class SqliteConnection implements Connection, Transaction {
  readonly dialect = 'sqlite';
  private readonly statements = new LRUCache<string, Prepared>({ max: MAX_PREPARED });

  constructor(private readonly handle: Handle) {}

  get inTransaction(): boolean {
    return this.handle.inTransaction;
  }

  async query<R extends object>(sql: string, params: readonly SqlValue[] = []): Promise<R[]> {
    const { statement, order } = this.prepare(sql);
    const values = order.map((index) => toSqlite(params[index]));
    if (statement.reader) return statement.all(values) as R[];
    statement.run(values);
    return [];
  }

  executeEach(sql: string, rows: Iterable<readonly SqlValue[]>): void {
    const { statement, order } = this.prepare(sql);
    for (const row of rows) statement.run(order.map((index) => toSqlite(row[index])));
  }

  close(): void {
    this.handle.close();
  }

  private prepare(sql: string): Prepared {
    let prepared = this.statements.get(sql);
    if (!prepared) {
      const order: number[] = [];
      const text = sql.replace(/\$(\d+)/g, (_, digits: string) => {
        order.push(Number(digits) - 1);
        return '?';
      });
      prepared = { statement: this.handle.prepare(text), order };
      this.statements.set(sql, prepared);
    }
    return prepared;
  }
}

function toSqlite(value: SqlValue | undefined): SqlValue | undefined {
  return typeof value === 'boolean' ? Number(value) : value;
}
