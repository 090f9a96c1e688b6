import type { Row } from './schema.js';

/** Ids are the client's own; WatermelonDB makes 16 of `[A-Za-z0-9]`. */
export const ID_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;

/** A moment on an account's clock: a little over epoch milliseconds, never falling. */
export type Timestamp = number;

/** The changes of one table. */
export interface TableChanges {
  created: Row[];
  updated: Row[];
  deleted: string[];
}

/** WatermelonDB's changes object: table → changes. */
export type Changes = Record<string, TableChanges>;

/** What a client says it migrated since its last pull (WatermelonDB's own shape). */
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
  schema_version: number;
  /** Present when the client was away longer than deletions are remembered. */
  experimentalStrategy?: 'replacement';
}

/** Why a pushed record was not taken as it was. */
export const REJECTION_REASONS = [
  'DELETED',
  'PARENT_DELETED',
  'TEXT_TOO_LONG',
  'ID_INVALID',
  'TABLE_UNKNOWN',
] as const;

/** One of the reasons. */
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** One pushed record that was not taken as it was. */
export interface Rejection {
  table: string;
  id: string;
  reason: RejectionReason;
}

/** Answer of `POST /sync/push`; the lists are present only when not empty. */
export interface PushAnswer {
  ok: true;
  timestamp: Timestamp;
  rejected?: Rejection[];
  /** What the client must keep as unsynced: refused, not merely overruled by a deletion. */
  experimentalRejectedIds?: Record<string, string[]>;
}
