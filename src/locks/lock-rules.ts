import type { LockType } from '../protocol/documents.js';
import type { Lock, LockRow, Session } from './lock.js';

/** A session's request for a lock. */
export interface LockRequest {
  type: LockType;
  session: Session;
  /** For the people who have to wait; null: not said, so that a renewal leaves it as it is. */
  reason: string | null;
  /** Take it from another user, too. */
  takeOver: boolean;
}

/** What a request makes of a lock: nobody held it, the same session still does, or it goes over from `from`'s. */
export type Change =
  { outcome: 'grant' | 'renew'; lock: Lock } | { outcome: 'transfer'; lock: Lock; from: Lock };

/** What comes of a request. */
export type Decision = Change | { outcome: 'refuse'; held: Lock };

/** What comes of a release: it becomes free, or the session does not hold it. */
export type Release = { outcome: 'free'; lock: null } | { outcome: 'refuse'; held: Lock | null };

/** The row of a document that was never locked. */
export const NEVER_LOCKED: LockRow = { lock: null, fencingToken: 0 };

/** The lock that is held at `now` (epoch ms); null: nobody holds it, or its lease has run out. */
export function heldAt(now: number, { lock }: LockRow): Lock | null {
  return lock && lock.expiresAt > now ? lock : null;
}

/** Decides about a request made at `now` (epoch ms) for a lease of `ttlMs`. */
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

/** Decides about a release at `now` (epoch ms). @param userId null: a job on the server's side */
export function decideRelease(row: LockRow, sessionId: string, userId: string | null, now: number): Release {
  const holder = row.lock?.holder;
  if (holder?.sessionId === sessionId && holder.userId === userId) return { outcome: 'free', lock: null };
  return { outcome: 'refuse', held: heldAt(now, row) };
}

/** An id of a session says nothing without its user: clients choose them. */
function isHolder({ type, holder }: Lock, request: LockRequest): boolean {
  return (
    holder.sessionId === request.session.sessionId && isOfSameUser(holder, request) && type === request.type
  );
}

function isOfSameUser(holder: Session, { session }: LockRequest): boolean {
  return holder.userId === session.userId;
}

function renewed(held: Lock, { reason, session }: LockRequest, expiresAt: number): Lock {
  return {
    ...held,
    holder: session,
    reason: reason ?? held.reason,
    // Another process, whose clock is ahead, may have promised more.
    expiresAt: Math.max(held.expiresAt, expiresAt),
  };
}

/** Jobs on the server's side rewrite a document as a whole, so people wait for them. */
export function mustWait(held: Lock, request: LockRequest): boolean {
  return held.type === 'server' && request.type === 'client';
}

function maySucceed(held: Lock, request: LockRequest): boolean {
  if (mustWait(held, request)) return false;
  // A person looks at one tab at a time, and the one that asks last is it. Jobs are not persons.
  const isSamePerson = request.type === 'client' && isOfSameUser(held.holder, request);
  return isSamePerson || request.takeOver;
}
