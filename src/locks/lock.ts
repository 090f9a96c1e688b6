import type { DocumentLock, LockHolder, LockType } from '../protocol/documents.js';

/** One document: the database of one kind that belongs to a video. */
export interface DocumentRef {
  accountId: string;
  videoId: string;
  kind: string;
}

/** A session that asks for a lock or holds it. */
export interface Session {
  sessionId: string;
  /** The person; null: an operator's job. */
  userId: string | null;
  /** Null: an operator's job. */
  deviceId: string | null;
  /** Shown to people. */
  name: string;
}

/** A lock that a session holds. */
export interface Lock {
  type: LockType;
  reason: string | null;
  holder: Session;
  /** Grows with every change of holder, so that late writes of earlier holders are recognized. */
  fencingToken: number;
  /** Epoch ms. */
  acquiredAt: number;
  /** Epoch ms. */
  expiresAt: number;
}

/** A document's stored lock. The row stays when the lock is free, because the fencing token must never restart. */
export interface LockRow {
  /** Null: free. A stored lock may have expired. */
  lock: Lock | null;
  /** The newest token given out. */
  fencingToken: number;
}

/** A lock on the wire. */
export function toDocumentLock({ type, reason, holder, acquiredAt, expiresAt }: Lock): DocumentLock {
  return {
    lock_type: type,
    reason,
    holder: toLockHolder(holder),
    acquired_at: acquiredAt,
    expires_at: expiresAt,
  };
}

/** A holder on the wire. */
function toLockHolder({ userId, deviceId, name, sessionId }: Session): LockHolder {
  return { user_id: userId, device_id: deviceId, name, session_id: sessionId };
}

/** A string that is unique to the document. */
export function keyOf({ accountId, videoId, kind }: DocumentRef): string {
  return `${accountId}/${videoId}/${kind}`;
}
