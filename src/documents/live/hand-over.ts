import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { EventBus, type Events } from '../../foundation/events/event-bus.js';
import { toAppError } from '../../foundation/sockets/socket-problem.filter.js';
import type { DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import { OpenDocuments } from './open-documents.js';
import type { Subscriber } from './subscriber.js';

/** A holder that was not heard of for so long lets its lease run out. */
const SILENT_MS = 15_000;
const RENEW_CHECK_MS = 1_000;

/** Keeps the roles of sockets with the lock: renews it while its holder is heard, hands over, tells who has lost it. */
@Injectable()
export class HandOver implements OnModuleInit, OnModuleDestroy {
  private readonly endings: (() => void)[] = [];
  private readonly renewing = new Set<Subscriber>();
  /** Holders whose last renewal was refused. */
  private readonly refused = new WeakSet<Subscriber>();

  constructor(
    private readonly locks: LocksService,
    private readonly open: OpenDocuments,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  onModuleInit(): void {
    const transferred = (event: Events['session.transferred']) => this.noteTransfer(event);
    const changed = (event: Events['lock.changed']) => this.noteLock(event);
    this.endings.push(
      this.locks.beforeHandOver({
        freeze: ({ ref }) => this.freeze(ref),
        thaw: ({ ref }) => this.thaw(ref),
      }),
      this.events.subscribe('session.transferred', transferred),
      this.events.subscribeRemote('session.transferred', transferred),
      this.events.subscribe('lock.changed', changed),
      this.events.subscribeRemote('lock.changed', changed),
    );
  }

  onModuleDestroy(): void {
    for (const end of this.endings) end();
  }

  /** Renews the locks of the holders that are heard, at a third of the lease. */
  @Interval(RENEW_CHECK_MS)
  renewAll(): void {
    const dueAt = this.now() + (2 / 3) * this.config.lockTtlSeconds * 1_000;
    const heardSince = performance.now() - SILENT_MS;
    for (const { subscribers } of this.open.list()) {
      for (const subscriber of subscribers) {
        const { lockExpiresAt, heardAt } = subscriber;
        if (lockExpiresAt !== null && lockExpiresAt <= dueAt && heardAt >= heardSince) {
          void this.renew(subscriber);
        }
      }
    }
  }

  private async renew(subscriber: Subscriber): Promise<void> {
    if (this.renewing.has(subscriber)) return;
    this.renewing.add(subscriber);
    try {
      const { ref, sessionId, session } = subscriber.peer;
      const holding = { sessionId, userId: session.deviceId, fencingToken: subscriber.fencingToken! };
      const lock = await this.locks.renew(ref, holding);
      this.refused.delete(subscriber);
      if (subscriber.fencingToken === holding.fencingToken) subscriber.lockExpiresAt = lock.expiresAt;
    } catch (thrown) {
      if (toAppError(thrown).code === 'LOCK_REQUIRED') this.noteRefusal(subscriber);
      // Anything else passes: the next second tries again.
    } finally {
      this.renewing.delete(subscriber);
    }
  }

  /** A lost lock is announced, but an announcement may be lost: at the second refusal the holder is told without one. */
  private noteRefusal(subscriber: Subscriber): void {
    if (!this.refused.has(subscriber)) this.refused.add(subscriber);
    else if (subscriber.role === 'holder') {
      subscriber.loseLock((socket) => socket.emit('lock_lost', { reason: 'expired' }));
    }
  }

  /** Takes nothing more from the holder, and waits for what came before. */
  private async freeze(ref: DocumentRef): Promise<void> {
    const document = this.open.find(ref);
    if (!document) return;
    document.isFrozen = true;
    await document.drained();
  }

  private thaw(ref: DocumentRef): void {
    const document = this.open.find(ref);
    if (document) document.isFrozen = false;
  }

  private noteTransfer({ accountId, transfer }: Events['session.transferred']): void {
    const { video_id: videoId, database: kind, from_session, to_session, to_device } = transfer;
    for (const subscriber of this.holdersOf({ accountId, videoId, kind })) {
      if (subscriber.peer.sessionId !== from_session) continue;
      subscriber.loseLock((socket) => socket.emit('session_transferred', { to_session, to_device }));
    }
  }

  private noteLock({ accountId, lock: changed }: Events['lock.changed']): void {
    const { video_id: videoId, database: kind, lock } = changed;
    for (const subscriber of this.holdersOf({ accountId, videoId, kind })) {
      const { sessionId, session } = subscriber.peer;
      if (lock?.holder.session_id === sessionId && lock.holder.user_id === session.deviceId) {
        subscriber.lockExpiresAt = lock.expires_at;
        continue;
      }
      const hasExpired = lock !== null || (subscriber.lockExpiresAt ?? 0) <= this.now();
      const reason = hasExpired ? 'expired' : 'released';
      subscriber.loseLock((socket) => socket.emit('lock_lost', { reason }));
    }
  }

  private holdersOf(ref: DocumentRef): Subscriber[] {
    const subscribers = this.open.find(ref)?.subscribers ?? [];
    return [...subscribers].filter(({ role }) => role === 'holder');
  }
}
