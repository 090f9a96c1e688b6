import type { LockType } from '../protocol/documents.js';
import type { Lock, LockRow, Session } from './lock.js';

/** A session's request for a lock. */
export interface LockRequest {
  type: LockType;
  session: Session;
  /** Shown to people who wait; null: none given, so a renewal keeps the previous reason. */
  reason: string | null;
  /** Take the lock even from another user. */
  takeOver: boolean;
}

/** A granted request: the lock was free, the session renews its own lock, or takes over the lock `from`. */
type Change = { outcome: 'grant' | 'renew'; lock: Lock } | { outcome: 'transfer'; lock: Lock; from: Lock };

/** The decision on a request. */
export type Decision = Change | { outcome: 'refuse'; held: Lock };

/** The decision on a release: the lock `from` becomes free, or the session does not hold it. */
export type Release = { outcome: 'free'; lock: null; from: Lock } | { outcome: 'refuse'; held: Lock | null };

/** The decision on a renewal by who holds the lock: it is extended, or the session does not hold it any more. */
export type Renewal = { outcome: 'renew'; lock: Lock } | { outcome: 'refuse'; held: Lock | null };

/** Stands for the row of a document that was never locked. */
export const NEVER_LOCKED: LockRow = { lock: null, fencingToken: 0 };

/** The lock that is held at `now` (epoch ms); null: free or expired. */
export function heldAt(now: number, { lock }: LockRow): Lock | null {
  return lock && lock.expiresAt > now ? lock : null;
}

/** Decides on a request made at `now` (epoch ms) for a lease of `ttlMs`. */
export function decide(row: LockRow, request: LockRequest, now: number, ttlMs: number): Decision {
  const { type, reason, session: holder } = request;
  const expiresAt = now + ttlMs;
  const taken = { type, reason, holder, fencingToken: row.fencingToken + 1, acquiredAt: now, expiresAt };
  const held = heldAt(now, row);
  if (!held) return { outcome: 'grant', lock: taken };
  if (isHolder(held, request)) return { outcome: 'renew', lock: renewed(held, request, expiresAt) };
  if (maySucceed(held, request)) return { outcome: 'transfer', lock: taken, from: held };
  return { outcome: 'refuse', held };
}

/** Which holding a session releases. */
interface Holding {
  sessionId: string;
  /** Null: an operator's job. */
  userId: string | null;
  /** Null: whichever the session has. With a token, a late request does not end a later holding of the same session. */
  fencingToken: number | null;
}

/** Decides on a release at `now` (epoch ms). */
export function decideRelease(row: LockRow, holding: Holding, now: number): Release {
  const { lock } = row;
  const { fencingToken } = holding;
  const isMeant = fencingToken === null || fencingToken === lock?.fencingToken;
  return isHeldIn(lock, holding) && isMeant
    ? { outcome: 'free', lock: null, from: lock }
    : { outcome: 'refuse', held: heldAt(now, row) };
}

/** A holding by which a session writes. */
export interface WriterOf {
  sessionId: string;
  /** Null: an operator's job. */
  userId: string | null;
  fencingToken: number;
}

/** Whether a lock is the one that the writer was granted. */
export function isHeldBy(lock: Lock | null, writer: WriterOf): lock is Lock {
  return isHeldIn(lock, writer) && lock.fencingToken === writer.fencingToken;
}

/** Whether a user's session holds a lock. Compares the user too, because clients choose their session ids. */
export function isHeldIn(
  lock: Lock | null,
  { sessionId, userId }: Pick<WriterOf, 'sessionId' | 'userId'>,
): lock is Lock {
  return lock?.holder.sessionId === sessionId && lock.holder.userId === userId;
}

/** Decides on a renewal at `now` (epoch ms) for a lease of `ttlMs`. */
export function decideRenewal(row: LockRow, writer: WriterOf, now: number, ttlMs: number): Renewal {
  const held = heldAt(now, row);
  if (!isHeldBy(held, writer)) return { outcome: 'refuse', held };
  return { outcome: 'renew', lock: { ...held, expiresAt: Math.max(held.expiresAt, now + ttlMs) } };
}

function isHolder(lock: Lock, { session, type }: LockRequest): boolean {
  return isHeldIn(lock, session) && lock.type === type;
}

function isOfSameUser(holder: Session, { session }: LockRequest): boolean {
  return holder.userId === session.userId;
}

function renewed(held: Lock, { reason, session }: LockRequest, expiresAt: number): Lock {
  return {
    ...held,
    holder: session,
    reason: reason ?? held.reason,
    // Another process, whose clock is ahead, may have granted a later time.
    expiresAt: Math.max(held.expiresAt, expiresAt),
  };
}

/** Whether the request must wait: an operator's job rewrites the whole document, so clients cannot take over. */
export function mustWait(held: Lock, request: LockRequest): boolean {
  return held.type === 'server' && request.type === 'client';
}

function maySucceed(held: Lock, request: LockRequest): boolean {
  if (mustWait(held, request)) return false;
  // Of one person's tabs and devices, the one that asked last is in use. This does not hold for jobs.
  const isSamePerson = request.type === 'client' && isOfSameUser(held.holder, request);
  return isSamePerson || request.takeOver;
}
