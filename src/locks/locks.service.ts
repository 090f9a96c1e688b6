import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import type { Transaction } from '../foundation/database/database.js';
import { KeyedMutex } from '../foundation/flow/keyed-mutex.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import {
  decide,
  decideRelease,
  heldAt,
  mustWait,
  NEVER_LOCKED,
  type Decision,
  type LockRequest,
  type Release,
} from './lock-rules.js';
import { keyOf, toDocumentLock, type DocumentRef, type Lock, type LockRow } from './lock.js';
import { LocksRepository, type LockOfDocument } from './locks.repository.js';

/** Only other processes come in between, and each of them can do so once for every lock it grants. */
const MAX_TRIES = 100;
/** Documents may be locked before they are written, and never be written. */
const LOCKED_PER_DOCUMENT = 2;
const MAX_RECENT = 10_000;

/** Who may write a document: one session at a time, for as long as it renews its lease. */
@Injectable()
export class LocksService {
  /** Whoever wants the same lock waits here, not each on a connection of its own while a write keeps the row. */
  private readonly mutex = new KeyedMutex();
  /**
   * Locks as this process last wrote them. Other processes may have changed them since, so a write that relies on such a
   * row compares and swaps, and nobody is refused because of one.
   */
  private readonly recent = new LRUCache<string, LockRow>({ max: MAX_RECENT });
  private readonly ttlMs: number;

  constructor(
    private readonly locks: LocksRepository,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.ttlMs = config.lockTtlSeconds * 1_000;
  }

  /** Null: nobody holds it, or its lease has run out. */
  async find(ref: DocumentRef): Promise<Lock | null> {
    return this.held(await this.locks.find(ref));
  }

  /**
   * Takes the lock, or prolongs one's own. Of many who ask at once, through any process, one gets it.
   * @returns the lock, with a fencing token that grows with every change of holder
   * @throws AppError LOCK_HELD with { granted: false, lock_type, reason, holder, expires_at }; QUOTA_EXCEEDED, OVERLOADED
   */
  async acquire(ref: DocumentRef, request: LockRequest): Promise<Lock> {
    const decision = await this.change(ref, (row) => decide(row, request, this.now(), this.ttlMs));
    if (decision.outcome === 'refuse') throw heldBy(decision.held, request);
    return decision.lock;
  }

  /**
   * Lets go of the lock if the session holds it; else nothing happens.
   * @param userId null: a job on the server's side
   * @throws AppError LOCK_OF_ANOTHER when the session that holds it is another user's; OVERLOADED
   */
  async release(ref: DocumentRef, sessionId: string, userId: string | null): Promise<void> {
    const decision = await this.change(ref, (row) => decideRelease(row, sessionId, userId, this.now()));
    if (decision.outcome === 'refuse' && decision.held?.holder.sessionId === sessionId) {
      throw new AppError('LOCK_OF_ANOTHER');
    }
  }

  /**
   * Makes sure, for a write, that this session of this user's holds the lock, and keeps it from changing hands until the
   * transaction ends.
   * @param tx null: it may change hands at once
   * @throws AppError LOCK_REQUIRED with { lock }, as it is now; null: nobody holds it
   */
  async assertHeld(
    tx: Transaction | null,
    ref: DocumentRef,
    { sessionId, userId, fencingToken }: { sessionId: string; userId: string | null; fencingToken: number },
  ): Promise<void> {
    const held = this.held(tx ? await this.locks.findLocked(tx, ref) : await this.locks.find(ref));
    const isHolder = held?.holder.sessionId === sessionId && held.holder.userId === userId;
    if (isHolder && held.fencingToken === fencingToken) return;
    throw new AppError('LOCK_REQUIRED', {
      detail: describeLoss(held, isHolder),
      lock: held && toDocumentLock(held),
    });
  }

  /** Frees locks whose lease has run out, and tells. @returns how many were found, at most `limit` */
  async expire(limit: number): Promise<number> {
    const expired = await this.locks.listExpired(this.now(), limit);
    const free = async ({ ref, lock }: LockOfDocument): Promise<void> => {
      // Of several processes one succeeds, and announces it. One that a write keeps is found again in a second.
      const row = { lock, fencingToken: lock.fencingToken };
      if (await this.locks.replaceNow(ref, row, null)) this.announce(ref, null);
    };
    await Promise.all(expired.map(free));
    return expired.length;
  }

  /**
   * The row is read, the rules decide, and the row is replaced if it is still as it was read. What this process wrote
   * itself it need not read; when that is out of date, it does.
   */
  private change<D extends Decision | Release>(ref: DocumentRef, rule: (row: LockRow) => D): Promise<D> {
    return this.mutex.run(keyOf(ref), async () => {
      const known = this.recent.get(keyOf(ref));
      const guess = known && rule(known);
      if (guess && guess.outcome !== 'refuse' && (await this.carryOut(ref, known, guess))) return guess;
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const row = await this.locks.find(ref);
        const decision = rule(row ?? NEVER_LOCKED);
        if (decision.outcome === 'refuse' || (await this.carryOut(ref, row, decision))) return decision;
      }
      throw new AppError('OVERLOADED', { detail: 'Too many sessions ask for this lock.', retry_after: 1 });
    });
  }

  /** @returns false when the lock is no longer as the decision took it to be */
  private async carryOut(
    ref: DocumentRef,
    row: LockRow | null,
    decision: Exclude<Decision | Release, { outcome: 'refuse' }>,
  ): Promise<boolean> {
    const { lock } = decision;
    const isDone = row ? await this.locks.replace(ref, row, lock) : lock && (await this.insert(ref, lock));
    if (!isDone) return false;
    this.recent.set(keyOf(ref), { lock, fencingToken: (lock ?? row!).fencingToken });
    if (decision.outcome === 'transfer') this.announceTransfer(ref, decision.from, decision.lock);
    this.announce(ref, lock);
    return true;
  }

  /** The row stays for ever, so there is a limit. @throws AppError QUOTA_EXCEEDED */
  private async insert(ref: DocumentRef, lock: Lock): Promise<boolean> {
    const limit = LOCKED_PER_DOCUMENT * this.config.maxDocumentsPerAccount;
    if (limit > 0 && (await this.locks.count(ref.accountId)) >= limit) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may ever lock ${limit} documents.` });
    }
    return this.locks.insert(ref, lock);
  }

  private held(row: LockRow | null): Lock | null {
    return row && heldAt(this.now(), row);
  }

  private announceTransfer(ref: DocumentRef, from: Lock, to: Lock): void {
    this.events.publish('session.transferred', {
      accountId: ref.accountId,
      transfer: {
        video_id: ref.videoId,
        database: ref.kind,
        from_session: from.holder.sessionId,
        to_session: to.holder.sessionId,
        to_device: to.holder.deviceId,
      },
    });
  }

  private announce(ref: DocumentRef, lock: Lock | null): void {
    this.events.publish('lock.changed', {
      accountId: ref.accountId,
      lock: { video_id: ref.videoId, database: ref.kind, lock: lock && toDocumentLock(lock) },
    });
  }
}

function heldBy(lock: Lock, request: LockRequest): AppError {
  const { lock_type, reason, holder, expires_at } = toDocumentLock(lock);
  return new AppError('LOCK_HELD', {
    ...(mustWait(lock, request) && { hint: 'Wait until expires_at: the lock of a job is not taken over.' }),
    detail: `${holder.name} holds the lock${reason ? `: ${reason}` : ''}.`,
    granted: false,
    lock_type,
    reason,
    holder,
    expires_at,
  });
}

function describeLoss(held: Lock | null, isHolder: boolean): string {
  if (!held) return 'Nobody holds the lock: it was released, or its lease ran out.';
  if (!isHolder) return `${held.holder.name} holds the lock by now.`;
  return 'The fencing token is of an earlier lock.';
}
