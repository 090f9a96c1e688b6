import type { DocumentLock, LockHolder, LockType } from '../protocol/documents.js';

/** One document: the database of one kind that belongs to a video. */
export interface DocumentRef {
  accountId: string;
  videoId: string;
  kind: string;
}

/** A session that may hold a lock. */
export interface Session {
  sessionId: string;
  /** The person; null: a job on the server's side. */
  userId: string | null;
  /** Null: a job on the server's side. */
  deviceId: string | null;
  /** What to call it. */
  name: string;
}

/** A lock that somebody holds. */
export interface Lock {
  type: LockType;
  reason: string | null;
  holder: Session;
  /** Grows with every change of holder, so that a write by an earlier one can be told. */
  fencingToken: number;
  /** Epoch ms. */
  acquiredAt: number;
  /** Epoch ms. */
  expiresAt: number;
}

/** What is stored of a document's lock; it stays when the lock is free, for its fencing token must grow for ever. */
export interface LockRow {
  /** Null: nobody holds it. Its lease may have run out. */
  lock: Lock | null;
  /** The newest that was given out. */
  fencingToken: number;
}

/** A lock as it travels. */
export function toDocumentLock({ type, reason, holder, acquiredAt, expiresAt }: Lock): DocumentLock {
  return {
    lock_type: type,
    reason,
    holder: toLockHolder(holder),
    acquired_at: acquiredAt,
    expires_at: expiresAt,
  };
}

/** A holder as it travels. */
export function toLockHolder({ userId, deviceId, name, sessionId }: Session): LockHolder {
  return { user_id: userId, device_id: deviceId, name, session_id: sessionId };
}

/** A document's name among all. */
export function keyOf({ accountId, videoId, kind }: DocumentRef): string {
  return `${accountId}/${videoId}/${kind}`;
}
