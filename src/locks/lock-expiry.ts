import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { EventBus } from '../foundation/events/event-bus.js';
import { LocksService } from './locks.service.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;

/** Frees expired locks every second, which also announces it to clients that wait for them. */
@Injectable()
export class LockExpiry implements OnModuleInit, OnModuleDestroy {
  /** The running round; undefined: none. */
  private round?: Promise<void>;
  private isStopping = false;
  private endSubscription?: () => void;

  constructor(
    private readonly locks: LocksService,
    private readonly events: EventBus,
  ) {}

  onModuleInit(): void {
    this.endSubscription = this.events.subscribe('server.stopping', () => (this.isStopping = true));
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopping = true;
    this.endSubscription?.();
    await this.round;
  }

  /** Starts a round unless one is running. */
  @Interval(EVERY_MS)
  tick(): void {
    if (!this.isStopping) this.round ??= this.expire();
  }

  private async expire(): Promise<void> {
    try {
      while ((await this.locks.expire(AT_ONCE)) > 0); // those that are busy now wait for the next round
    } catch {
      // The next round tries again. Only the announcement is late: an expired lock already counts as free.
    } finally {
      this.round = undefined;
    }
  }
}
