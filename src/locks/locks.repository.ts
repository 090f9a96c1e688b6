import { Injectable } from '@nestjs/common';
import { Database, type SqlValue, type Transaction } from '../database/database.js';
import type { LockType } from '../protocol/documents.js';
import type { DocumentRef, Lock, LockRow } from './lock.js';

/** A lock, and which document it is of. */
export interface LockOfDocument {
  ref: DocumentRef;
  lock: Lock;
}

interface StoredRow {
  accountId: string;
  videoId: string;
  kind: string;
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

const COLUMNS = `account_id AS "accountId", video_id AS "videoId", kind AS "kind", lock_type AS "lockType",
  reason AS "reason", session_id AS "sessionId", user_id AS "userId", device_id AS "deviceId",
  holder_name AS "holderName", fencing_token AS "fencingToken", acquired_at AS "acquiredAt", expires_at AS "expiresAt"`;

const THIS_LOCK = 'account_id = $1 AND video_id = $2 AND kind = $3';
const FREE = `lock_type = NULL, reason = NULL, session_id = NULL, user_id = NULL, device_id = NULL, holder_name = NULL,
  acquired_at = NULL, expires_at = NULL`;

/** The locks of documents. */
@Injectable()
export class LocksRepository {
  constructor(private readonly database: Database) {}

  /** Null: it was never locked. */
  async find({ accountId, videoId, kind }: DocumentRef): Promise<LockRow | null> {
    const [row] = await this.database.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks WHERE ${THIS_LOCK}`,
      [accountId, videoId, kind],
    );
    return row ? toLockRow(row) : null;
  }

  /** As `find`, and keeps it from changing hands until the transaction ends. */
  async findLocked(tx: Transaction, { accountId, videoId, kind }: DocumentRef): Promise<LockRow | null> {
    // SQLite has one writer at a time anyway.
    const suffix = tx.dialect === 'postgres' ? ' FOR UPDATE' : '';
    const [row] = await tx.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks WHERE ${THIS_LOCK}${suffix}`,
      [accountId, videoId, kind],
    );
    return row ? toLockRow(row) : null;
  }

  /** The account's locks whose lease has not run out. */
  async list(accountId: string, now: number): Promise<LockOfDocument[]> {
    // By the index of leases, which holds no free locks: an account's rows may be many, those that are held are few.
    const rows = await this.database.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks WHERE account_id || '' = $1 AND expires_at > $2`,
      [accountId, now],
    );
    return rows.map(toLockOfDocument);
  }

  /** Locks whose lease has run out, the earliest first. */
  async listExpired(now: number, limit: number): Promise<LockOfDocument[]> {
    const rows = await this.database.query<StoredRow>(
      `SELECT ${COLUMNS} FROM document_locks WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
      [now, limit],
    );
    return rows.map(toLockOfDocument);
  }

  /** Makes the first lock of a document. @returns false when there is one already */
  async insert({ accountId, videoId, kind }: DocumentRef, lock: Lock): Promise<boolean> {
    const rows = await this.database.write(
      `INSERT INTO document_locks (account_id, video_id, kind, lock_type, reason, session_id, user_id, device_id,
         holder_name, fencing_token, acquired_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
       ON CONFLICT DO NOTHING RETURNING fencing_token`,
      [accountId, videoId, kind, ...valuesOf(lock)],
    );
    return rows.length > 0;
  }

  /** Puts `next` in place of what was read. @returns false when that has changed meanwhile */
  async replace({ accountId, videoId, kind }: DocumentRef, seen: LockRow, next: Lock): Promise<boolean> {
    const rows = await this.database.write(
      `UPDATE document_locks SET lock_type = $4, reason = $5, session_id = $6, user_id = $7, device_id = $8,
         holder_name = $9, fencing_token = $10, acquired_at = $11, expires_at = $12
       WHERE ${THIS_LOCK} AND fencing_token = $13 AND expires_at IS NOT DISTINCT FROM $14 RETURNING fencing_token`,
      [accountId, videoId, kind, ...valuesOf(next), seen.fencingToken, seen.lock?.expiresAt ?? null],
    );
    return rows.length > 0;
  }

  /** Lets go of the lock if this session of this user's holds it. @returns its fencing token; null: it does not */
  async freeOf(
    { accountId, videoId, kind }: DocumentRef,
    sessionId: string,
    userId: string | null,
  ): Promise<number | null> {
    const [freed] = await this.database.write<Pick<LockRow, 'fencingToken'>>(
      `UPDATE document_locks SET ${FREE}
       WHERE ${THIS_LOCK} AND session_id = $4 AND user_id IS NOT DISTINCT FROM $5
       RETURNING fencing_token AS "fencingToken"`,
      [accountId, videoId, kind, sessionId, userId],
    );
    return freed?.fencingToken ?? null;
  }

  /** Lets go of the lock that was read. @returns false when it has changed meanwhile */
  async free({ accountId, videoId, kind }: DocumentRef, seen: Lock): Promise<boolean> {
    const rows = await this.database.write(
      `UPDATE document_locks SET ${FREE}
       WHERE ${THIS_LOCK} AND fencing_token = $4 AND expires_at = $5 RETURNING fencing_token`,
      [accountId, videoId, kind, seen.fencingToken, seen.expiresAt],
    );
    return rows.length > 0;
  }
}

function valuesOf({ type, reason, holder, fencingToken, acquiredAt, expiresAt }: Lock): SqlValue[] {
  const { sessionId, userId, deviceId, name } = holder;
  return [type, reason, sessionId, userId, deviceId, name, fencingToken, acquiredAt, expiresAt];
}

function toLockOfDocument(row: StoredRow): LockOfDocument {
  const { accountId, videoId, kind } = row;
  return { ref: { accountId, videoId, kind }, lock: toLockRow(row).lock! };
}

function toLockRow(row: StoredRow): LockRow {
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
