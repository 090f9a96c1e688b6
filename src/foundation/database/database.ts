import type { DataSource } from 'typeorm';
import type { Dialect } from '../../protocol/columns.js';

/** What both databases can bind. */
export type SqlValue = string | number | boolean | Uint8Array | null;

/** Something SQL can be sent to. Parameters are written `$1`, `$2`, … on both databases. */
export interface Connection {
  readonly dialect: Dialect;
  /** Runs one statement and returns its rows (none for a statement without RETURNING). */
  query<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;
}

/** A connection inside a transaction. */
export interface Transaction extends Connection {
  /**
   * Runs a statement for each row of parameters. Only where a call costs no round trip.
   * @throws Error on PostgreSQL
   */
  executeEach(sql: string, rows: Iterable<readonly SqlValue[]>): void;
}

/** One consistent view of the database, held open until closed. */
export interface Snapshot extends Connection {
  /** Lets go of the view; closing twice is harmless. */
  close(): Promise<void>;
}

/** Whoever reads on after closing would read on a connection that serves somebody else by then. */
export const SNAPSHOT_CLOSED = 'This snapshot is closed.';

/** The database, whichever it is: one-shot statements, transactions and snapshots. */
export abstract class Database {
  abstract readonly dialect: Dialect;
  /** Counts the commits where this process makes them all; null: others commit too. */
  abstract readonly commits: number | null;
  /** How many snapshots may be open at once. */
  abstract readonly maxSnapshots: number;
  /** TypeORM's own handle, for migrations and for entities of a team's own. */
  abstract readonly dataSource: DataSource;

  /** Reads what is committed, outside any transaction. */
  abstract query<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;

  /**
   * Runs one statement that writes; it is durable when the promise resolves. What may wait long, for rows that a
   * transaction keeps, belongs in one itself.
   * @returns the rows of its RETURNING
   * @throws AppError OVERLOADED when there is no answer; it may be durable all the same
   */
  abstract write<R extends object>(sql: string, params?: readonly SqlValue[]): Promise<R[]>;

  /** Runs `work` all or nothing; it is durable when the promise resolves. */
  abstract transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;

  /**
   * Opens a snapshot for a long read.
   * @throws AppError OVERLOADED when too many are open and none is closed in time
   */
  abstract openSnapshot(): Promise<Snapshot>;

  /** Closes every connection, once the transactions under way have ended. */
  abstract close(): Promise<void>;
}

/** Resolves when the database answers. @throws AppError OVERLOADED when it does not in time */
export async function pingDatabase(database: Database): Promise<void> {
  await database.query('SELECT 1');
}
