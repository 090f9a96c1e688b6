import type { DataSource } from 'typeorm';
import type { Dialect } from '../../protocol/columns.js';
import type { DiskSpace } from '../files/disk-space.js';

/** A value that both databases accept as parameter. */
export type SqlValue = string | number | boolean | Uint8Array | null;

/** Runs SQL statements. Parameters are written `$1`, `$2`, … on both databases. */
export interface Connection {
  readonly dialect: Dialect;
  /** Runs one statement and returns its rows (none for a statement without RETURNING). */
  query<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;
}

/** A connection inside a transaction. */
export interface Transaction extends Connection {
  /**
   * Runs a statement once per row of parameters; only on SQLite, where a call costs no round trip.
   * @throws Error on PostgreSQL
   */
  executeEach(sql: string, rows: Iterable<readonly SqlValue[]>): void;
}

/** One consistent view of the database, held open until closed. */
export interface Snapshot extends Connection {
  /** Ends the view; closing twice is harmless. */
  close(): Promise<void>;
}

/** Error message of a read after closing: by then the connection may serve another caller. */
export const SNAPSHOT_CLOSED = 'This snapshot is closed.';

/** A SQLite or PostgreSQL database: one-shot statements, transactions and snapshots. */
export abstract class Database {
  abstract readonly dialect: Dialect;
  /** The number of commits, if this process makes all of them (SQLite); null: other processes commit too. */
  abstract readonly commits: number | null;
  /** How many snapshots may be open at once. */
  abstract readonly maxSnapshots: number;
  /** TypeORM's data source, for migrations and for a team's own entities. */
  abstract readonly dataSource: DataSource;
  /** The disk of the data folder; on SQLite the database is on it. */
  abstract readonly disk: DiskSpace;

  /** Reads committed data, outside any transaction. */
  abstract query<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;

  /**
   * Runs one statement that writes; it is durable when the promise resolves. A statement that may wait long for locked
   * rows belongs in a transaction, which has more time.
   * @returns the rows of its RETURNING
   * @throws AppError OVERLOADED when there is no answer; the write may be committed nevertheless
   */
  abstract write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;

  /**
   * Runs `work` in a transaction, all or nothing; it is durable when the promise resolves. On SQLite it runs again, from
   * its beginning, if it has found the disk full and some room was made.
   */
  abstract transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Opens a snapshot for a long read.
   * @throws AppError OVERLOADED when too many snapshots are open and none is closed in time
   */
  abstract openSnapshot(): Promise<Snapshot>;

  /**
   * Resolves when the database answers and takes writes, as far as is known. Writes only if the last write failed.
   * @throws AppError OVERLOADED when it does not answer in time, DATABASE_READ_ONLY when it takes no write
   */
  abstract checkWritable(): Promise<void>;

  /** Closes every connection after the running transactions have ended. */
  abstract close(): Promise<void>;
}
