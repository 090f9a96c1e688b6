import type { Row } from './schema.js';

/** Record ids are chosen by the client; WatermelonDB makes 16 characters of `[A-Za-z0-9]`. */
export const ID_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;

/** A value of an account's clock: epoch milliseconds or slightly more; never decreases. */
export type Timestamp = number;

/** A value that an account's clock took, with a random mark of the server's: `<stamp>-<8 hex digits>`. */
export type Checkpoint = string;

/** The changes of one table. */
export interface TableChanges {
  created: Row[];
  updated: Row[];
  deleted: string[];
}

/** WatermelonDB's changes object: table → changes. */
export type Changes = Record<string, TableChanges>;

/** The client's schema migration since its last pull, in WatermelonDB's shape. */
export interface Migration {
  from: number;
  tables: string[];
  columns: { table: string; columns: string[] }[];
}

/** Answer of `GET /sync/pull`. */
export interface PullAnswer {
  changes: Changes;
  timestamp: Timestamp;
  history_id: string;
  /** The newest; absent from older servers. Clients keep the newest one and send it with every request. */
  checkpoint?: Checkpoint;
  schema_version: number;
  /** Present when the client was away longer than the server keeps tombstones. */
  experimentalStrategy?: 'replacement';
}

/** Why the server did not take a pushed record unchanged. */
export const REJECTION_REASONS = [
  'DELETED',
  'PARENT_DELETED',
  'TEXT_TOO_LONG',
  'ID_INVALID',
  'TABLE_UNKNOWN',
] as const;

/** One reason for a rejection. */
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** A pushed record that the server did not take unchanged. */
export interface Rejection {
  table: string;
  id: string;
  reason: RejectionReason;
}

/** Answer of `POST /sync/push`; the lists are present only when not empty. */
export interface PushAnswer {
  ok: true;
  timestamp: Timestamp;
  /** As in PullAnswer. */
  checkpoint?: Checkpoint;
  rejected?: Rejection[];
  /** Refused records by table, which the client keeps unsynced; records overruled by a deletion are not among them. */
  experimentalRejectedIds?: Record<string, string[]>;
}
