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
  decideRenewal,
  heldAt,
  isHeldBy,
  isHeldIn,
  mustWait,
  NEVER_LOCKED,
  type Decision,
  type LockRequest,
  type Release,
  type Renewal,
  type WriterOf,
} from './lock-rules.js';
import { HandOvers, type HandOverListener } from './hand-over.js';
import { keyOf, toDocumentLock, type DocumentRef, type Lock, type LockRow } from './lock.js';
import { LocksRepository, type LockOfDocument } from './locks.repository.js';

/** A try fails when another process (or the expiry) changed the row between reading and swapping. */
const MAX_TRIES = 100;
/** More locks than documents: a document is locked before its first write, which may never come. */
const LOCKED_PER_DOCUMENT = 2;
const MAX_RECENT = 10_000;

/** The locks of documents: one session at a time may write a document, as long as it renews its lease. */
@Injectable()
export class LocksService {
  /** Requests for one lock wait here: in the database, each would occupy a connection while the row is locked. */
  private readonly mutex = new KeyedMutex();
  /**
   * Rows as this process last wrote them. They may have changed since, so a write that relies on one compares and
   * swaps, and a refusal never relies on one.
   */
  private readonly recent = new LRUCache<string, LockRow>({ max: MAX_RECENT });
  private readonly handOvers = new HandOvers();
  /** The fencing tokens of locks whose renewal by a socket was announced, by document. */
  private readonly announced = new LRUCache<string, number>({ max: MAX_RECENT });
  private readonly ttlMs: number;

  constructor(
    private readonly locks: LocksRepository,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.ttlMs = config.lockTtlSeconds * 1_000;
  }

  /** The document's lock; null: free or expired. */
  async find(ref: DocumentRef): Promise<Lock | null> {
    return this.held(await this.locks.find(ref));
  }

  /**
   * Takes the lock, or renews the session's own. If many sessions ask at once, through any processes, one gets it.
   * @returns the lock, with a fencing token that grows with every change of holder
   * @throws AppError LOCK_HELD with { granted: false, lock_type, reason, holder, expires_at }; QUOTA_EXCEEDED, OVERLOADED
   */
  async acquire(ref: DocumentRef, request: LockRequest): Promise<Lock> {
    const decision = await this.change(ref, (row) => decide(row, request, this.now(), this.ttlMs));
    if (decision.outcome === 'refuse') throw heldBy(decision.held, request);
    return decision.lock;
  }

  /**
   * Releases the lock if the session holds it; otherwise does nothing.
   * @param userId null: an operator's job
   * @param fencingToken of the holding that is meant; null: whichever the session has
   * @throws AppError LOCK_OF_ANOTHER when another user's session with the same id holds it; OVERLOADED
   */
  async release(
    ref: DocumentRef,
    sessionId: string,
    userId: string | null,
    fencingToken: number | null = null,
  ): Promise<void> {
    const session = { sessionId, userId, fencingToken };
    const decision = await this.change(ref, (row) => decideRelease(row, session, this.now()));
    const holder = decision.outcome === 'refuse' ? decision.held?.holder : undefined;
    if (holder?.sessionId === sessionId && holder.userId !== userId) throw new AppError('LOCK_OF_ANOTHER');
  }

  /**
   * Extends a lease whose holder is connected. The first renewal of a holding is announced, so that nobody expects it to run
   * out; the others are not, as there is one every few seconds.
   * @throws AppError LOCK_REQUIRED with { lock }, the current lock; null: free or expired; OVERLOADED
   */
  async renew(ref: DocumentRef, writer: WriterOf): Promise<Lock> {
    const rule = (row: LockRow) => decideRenewal(row, writer, this.now(), this.ttlMs);
    const isSilent = this.announced.get(keyOf(ref)) === writer.fencingToken;
    const decision = await this.change(ref, rule, isSilent);
    if (decision.outcome === 'refuse') throw lost(decision.held, writer);
    this.announced.set(keyOf(ref), writer.fencingToken);
    return decision.lock;
  }

  /**
   * Calls a listener before a lock leaves its holder: for another session, or because it is released; not when it expires.
   * @returns a function that ends it
   */
  beforeHandOver(listener: HandOverListener): () => void {
    return this.handOvers.add(listener);
  }

  /** Releases all locks of a device that was revoked, and announces it. */
  async releaseAllOf(accountId: string, deviceId: string): Promise<void> {
    const held = await this.locks.listOfDevice(accountId, deviceId);
    await Promise.all(
      held.map(({ ref, lock: { holder, fencingToken } }) =>
        this.release(ref, holder.sessionId, holder.userId, fencingToken),
      ),
    );
  }

  /**
   * Checks before a write that this user's session holds the lock, and keeps its holder from changing until the
   * transaction ends.
   * @param tx null: only checks; the holder may change right after
   * @throws AppError LOCK_REQUIRED with { lock }, the current lock; null: free or expired
   */
  async assertHeld(tx: Transaction | null, ref: DocumentRef, writer: WriterOf): Promise<void> {
    const held = this.held(tx ? await this.locks.findLocked(tx, ref) : await this.locks.find(ref));
    if (!isHeldBy(held, writer)) throw lost(held, writer);
  }

  /** Frees expired locks and announces it. @returns how many were freed, at most `limit` */
  async expire(limit: number): Promise<number> {
    const expired = await this.locks.listExpired(this.now(), limit);
    // Does not wait for a request for one of the locks: it may take long, and the next round finds the lock again.
    const free = (found: LockOfDocument) => this.mutex.runIfFree(keyOf(found.ref), () => this.free(found));
    const freed = await Promise.all(expired.map(free));
    return freed.filter((isFreed) => isFreed).length;
  }

  /** Frees a lock, unless it has changed or a transaction has its row locked. Of several processes, one succeeds. */
  private async free({ ref, lock }: LockOfDocument): Promise<boolean> {
    const { fencingToken } = lock;
    if (!(await this.locks.replaceNow(ref, { lock, fencingToken }, null))) return false;
    this.recent.set(keyOf(ref), { lock: null, fencingToken });
    this.announce(ref, null);
    return true;
  }

  /**
   * Reads the row, applies the rule, and swaps the row if it has not changed. The first try uses the row as this process
   * last wrote it, without reading; if that is out of date, the swap fails and the row is read.
   */
  private change<D extends Decision | Release | Renewal>(
    ref: DocumentRef,
    rule: (row: LockRow) => D,
    isSilent = false,
  ): Promise<D> {
    return this.mutex.run(keyOf(ref), async () => {
      const known = this.recent.get(keyOf(ref));
      const guess = known && rule(known);
      if (guess && guess.outcome !== 'refuse' && (await this.carryOut(ref, known, guess, isSilent)))
        return guess;
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const row = await this.locks.find(ref);
        const decision = rule(row ?? NEVER_LOCKED);
        if (decision.outcome === 'refuse' || (await this.carryOut(ref, row, decision, isSilent)))
          return decision;
      }
      throw new AppError('OVERLOADED', { detail: 'Too many sessions ask for this lock.', retry_after: 1 });
    });
  }

  /** @returns false when the lock has changed since the row was read */
  private async carryOut(
    ref: DocumentRef,
    row: LockRow | null,
    decision: Exclude<Decision | Release | Renewal, { outcome: 'refuse' }>,
    isSilent: boolean,
  ): Promise<boolean> {
    const { lock } = decision;
    const swap = async () =>
      row ? this.locks.replace(ref, row, lock) : lock !== null && this.insert(ref, lock);
    const isDone =
      'from' in decision
        ? await this.handOvers.around({ ref, from: decision.from, to: lock }, swap)
        : await swap();
    if (!isDone) return false;
    this.recent.set(keyOf(ref), { lock, fencingToken: (lock ?? row!).fencingToken });
    if (decision.outcome === 'transfer') this.announceTransfer(ref, decision.from, decision.lock);
    if (!isSilent) this.announce(ref, lock);
    return true;
  }

  /** Creates a row, up to a limit because rows are never removed. @throws AppError QUOTA_EXCEEDED */
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

function lost(held: Lock | null, writer: WriterOf): AppError {
  return new AppError('LOCK_REQUIRED', {
    detail: describeLoss(held, isHeldIn(held, writer)),
    lock: held && toDocumentLock(held),
  });
}

function describeLoss(held: Lock | null, isHolder: boolean): string {
  if (!held) return 'Nobody holds the lock: it was released, or its lease ran out.';
  if (!isHolder) return `${held.holder.name} holds the lock by now.`;
  return 'The fencing token is of an earlier lock.';
}
