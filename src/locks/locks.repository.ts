import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import { Batcher } from '../foundation/flow/batcher.js';
import {
  Database,
  type Connection,
  type SqlValue,
  type Transaction,
} from '../foundation/database/database.js';
import type { LockType } from '../protocol/documents.js';
import type { DocumentRef, Lock, LockRow } from './lock.js';

/** A document and its lock. */
export interface LockOfDocument {
  ref: DocumentRef;
  lock: Lock;
}

/** A stored lock; while it is free, everything but the token is null. */
export interface StoredLock {
  lockType: LockType | null;
  reason: string | null;
  sessionId: string | null;
  userId: string | null;
  deviceId: string | null;
  holderName: string | null;
  fencingToken: number;
  acquiredAt: number | null;
  expiresAt: number | null;
}

interface StoredRow extends StoredLock {
  accountId: string;
  videoId: string;
  kind: string;
}

/** The columns of a StoredLock for a query with `document_locks l`. */
export const STORED_LOCK = `l.lock_type AS "lockType", l.reason AS "reason", l.session_id AS "sessionId", l.user_id AS "userId",
  l.device_id AS "deviceId", l.holder_name AS "holderName", l.fencing_token AS "fencingToken",
  l.acquired_at AS "acquiredAt", l.expires_at AS "expiresAt"`;
/** SET clause that frees a lock; the statement sets the fencing token itself. */
export const FREE_LOCK = `lock_type = NULL, reason = NULL, session_id = NULL, user_id = NULL, device_id = NULL, holder_name = NULL,
  acquired_at = NULL, expires_at = NULL`;
const COLUMNS = `l.account_id AS "accountId", l.video_id AS "videoId", l.kind AS "kind", ${STORED_LOCK}`;

const THIS_LOCK = 'account_id = $1 AND video_id = $2 AND kind = $3';
const REPLACE_MANY = `WITH asked AS (
    SELECT * FROM json_to_recordset($1::json) AS a ("n" integer, "accountId" text, "videoId" text, "kind" text,
      "seenToken" bigint, "seenExpiresAt" bigint, "type" text, "reason" text, "sessionId" text, "userId" text,
      "deviceId" text, "name" text, "fencingToken" bigint, "acquiredAt" bigint, "expiresAt" bigint)),
  found AS (
    SELECT a.* FROM asked a CROSS JOIN LATERAL (
      SELECT 1 FROM document_locks l
      WHERE l.account_id = a."accountId" AND l.video_id = a."videoId" AND l.kind = a."kind"
        AND l.fencing_token = a."seenToken" AND l.expires_at IS NOT DISTINCT FROM a."seenExpiresAt"
      LIMIT 1 FOR UPDATE SKIP LOCKED) AS same)
  UPDATE document_locks l SET lock_type = f."type", reason = f."reason", session_id = f."sessionId",
    user_id = f."userId", device_id = f."deviceId", holder_name = f."name", fencing_token = f."fencingToken",
    acquired_at = f."acquiredAt", expires_at = f."expiresAt"
  FROM found f WHERE l.account_id = f."accountId" AND l.video_id = f."videoId" AND l.kind = f."kind"
  RETURNING f."n" AS "n"`;

/** The locks of documents. */
@Injectable()
export class LocksRepository {
  private readonly batches = new Batcher((swaps: Swap[]) => this.swapMany(swaps));

  constructor(private readonly database: Database) {}

  /** Reads a document's row; null: the document was never locked. */
  find(ref: DocumentRef): Promise<LockRow | null> {
    return read(this.database, ref, '');
  }

  /** As `find`, and locks the row until the transaction ends, so that the lock's holder cannot change. */
  findLocked(tx: Transaction, ref: DocumentRef): Promise<LockRow | null> {
    // SQLite has only one writer at a time.
    return read(tx, ref, tx.dialect === 'postgres' ? ' FOR UPDATE' : '');
  }

  /** How many documents of the account were ever locked. */
  async count(accountId: string): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(
      'SELECT count(*) AS "count" FROM document_locks WHERE account_id = $1',
      [accountId],
    );
    return row!.count;
  }

  /** Locks that have expired by `now` (epoch ms), the earliest first. */
  async listExpired(now: number, limit: number): Promise<LockOfDocument[]> {
    const rows = await this.database.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks l WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
      [now, limit],
    );
    return rows.map(toLockOfDocument);
  }

  /** The account's locks that a device's sessions hold, expired ones included. */
  async listOfDevice(accountId: string, deviceId: string): Promise<LockOfDocument[]> {
    const rows = await this.database.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks l WHERE account_id = $1 AND device_id = $2`,
      [accountId, deviceId],
    );
    return rows.map(toLockOfDocument);
  }

  /** Creates the row of a document that was never locked. @returns false when the row exists by now */
  async insert({ accountId, videoId, kind }: DocumentRef, lock: Lock): Promise<boolean> {
    const rows = await this.database.write(
      `INSERT INTO document_locks (account_id, video_id, kind, lock_type, reason, session_id, user_id, device_id,
         holder_name, fencing_token, acquired_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
       ON CONFLICT DO NOTHING RETURNING fencing_token`,
      [accountId, videoId, kind, ...valuesOf(lock, lock.fencingToken)],
    );
    return rows.length > 0;
  }

  /**
   * Compares and swaps: stores `next` if the row is still as `seen`. Waits for a transaction that has the row locked.
   * @param next null: the lock becomes free
   * @returns false when the row has changed
   */
  async replace(ref: DocumentRef, seen: LockRow, next: Lock | null): Promise<boolean> {
    if (this.database.dialect === 'sqlite') return this.replaceNow(ref, seen, next);
    const swap = { ref, seen, next };
    const outcome = await this.swapInBatch(swap);
    if (outcome === 'done') return true;
    // The batch may have skipped the row because a transaction has it locked. This statement waits for the transaction.
    const rows = await this.database.transaction((tx) => tx.query(...replacement(swap)));
    if (rows.length > 0) return true;
    // If the batch failed we cannot tell whether our swap was committed; look before reporting it as lost.
    return outcome === 'unknown' && isStored(await this.find(ref), next, seen.fencingToken);
  }

  /** As `replace`, but returns false instead of waiting when a transaction has the row locked. */
  async replaceNow(ref: DocumentRef, seen: LockRow, next: Lock | null): Promise<boolean> {
    const swap = { ref, seen, next };
    if (this.database.dialect === 'postgres') return this.batches.ask(swap);
    return (await this.database.write(...replacement(swap))).length > 0;
  }

  private async swapInBatch(swap: Swap): Promise<SwapOutcome> {
    try {
      return (await this.batches.ask(swap)) ? 'done' : 'changed';
    } catch {
      return 'unknown';
    }
  }

  /**
   * Swaps many rows with one statement and one commit. It skips rows that a transaction has locked: otherwise the whole
   * batch would wait for that transaction.
   * @returns for each swap, whether it was done
   */
  private async swapMany(swaps: Swap[]): Promise<boolean[]> {
    const asked = swaps.map(({ ref, seen, next }, n) => ({
      n,
      ...ref,
      seenToken: seen.fencingToken,
      seenExpiresAt: seen.lock?.expiresAt ?? null,
      ...next,
      ...next?.holder,
      fencingToken: next?.fencingToken ?? seen.fencingToken,
    }));
    const rows = await this.database.write<{ n: number }>(REPLACE_MANY, [JSON.stringify(asked)]);
    const replaced = new Set(rows.map(({ n }) => n));
    return swaps.map((_, n) => replaced.has(n));
  }
}

/** A compare-and-swap on a document's row. */
interface Swap {
  ref: DocumentRef;
  /** The row as it was read. */
  seen: LockRow;
  /** The new lock; null: the lock becomes free. */
  next: Lock | null;
}

/**
 * How a swap in a batch ended.
 * - `changed`: not done, because the row has changed or a transaction has it locked
 * - `unknown`: the batch failed; it may be committed nevertheless, with only the answer lost
 */
type SwapOutcome = 'done' | 'changed' | 'unknown';

/** The statement of one swap; it returns a row if the swap was done. */
function replacement({ ref, seen, next }: Swap): [sql: string, params: SqlValue[]] {
  const sql = `UPDATE document_locks SET lock_type = $4, reason = $5, session_id = $6, user_id = $7, device_id = $8,
      holder_name = $9, fencing_token = $10, acquired_at = $11, expires_at = $12
    WHERE ${THIS_LOCK} AND fencing_token = $13 AND expires_at IS NOT DISTINCT FROM $14 RETURNING fencing_token`;
  const { accountId, videoId, kind } = ref;
  const replaced = valuesOf(next, seen.fencingToken);
  return [sql, [accountId, videoId, kind, ...replaced, seen.fencingToken, seen.lock?.expiresAt ?? null]];
}

async function read(
  connection: Connection,
  { accountId, videoId, kind }: DocumentRef,
  suffix: string,
): Promise<LockRow | null> {
  const [row] = await connection.query<StoredLock>(
    `SELECT ${STORED_LOCK} FROM document_locks l WHERE ${THIS_LOCK}${suffix}`,
    [accountId, videoId, kind],
  );
  return row ? toLockRow(row) : null;
}

function valuesOf(lock: Lock | null, fencingToken: number): SqlValue[] {
  if (!lock) return [null, null, null, null, null, null, fencingToken, null, null];
  const { type, reason, holder, acquiredAt, expiresAt } = lock;
  const { sessionId, userId, deviceId, name } = holder;
  return [type, reason, sessionId, userId, deviceId, name, lock.fencingToken, acquiredAt, expiresAt];
}

/** Whether `row` is the result of a swap to `next` of a row with this token. */
function isStored(row: LockRow | null, next: Lock | null, fencingToken: number): boolean {
  const values = row && valuesOf(row.lock, row.fencingToken);
  return isDeepStrictEqual(values, valuesOf(next, fencingToken));
}

function toLockOfDocument(row: StoredRow): LockOfDocument {
  const { accountId, videoId, kind } = row;
  return { ref: { accountId, videoId, kind }, lock: toLockRow(row).lock! };
}

/** The lock of a stored row. */
export function toLockRow(row: StoredLock): LockRow {
  const { fencingToken } = row;
  if (row.sessionId === null) return { lock: null, fencingToken };
  const { sessionId, userId, deviceId } = row;
  return {
    fencingToken,
    lock: {
      type: row.lockType!,
      reason: row.reason,
      holder: { sessionId, userId, deviceId, name: row.holderName! },
      fencingToken,
      acquiredAt: row.acquiredAt!,
      expiresAt: row.expiresAt!,
    },
  };
}
