import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '../foundation/events/event-bus.js';
import { LocksService } from './locks.service.js';

const EVERY_MS = 1_000;
const AT_ONCE = 100;

/** Frees, every second, the locks whose holders are gone, so that whoever waits hears of it. */
@Injectable()
export class LockExpiry implements OnModuleInit, OnModuleDestroy {
  private timer?: NodeJS.Timeout;
  /** The one under way. */
  private round?: Promise<void>;
  private endSubscription?: () => void;

  constructor(
    private readonly locks: LocksService,
    private readonly events: EventBus,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void (this.round ??= this.expire()), EVERY_MS).unref();
    this.endSubscription = this.events.subscribe('server.stopping', () => clearInterval(this.timer));
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.endSubscription?.();
    await this.round;
  }

  private async expire(): Promise<void> {
    try {
      while ((await this.locks.expire(AT_ONCE)) === AT_ONCE);
    } catch {
      // The next round tries again. Nothing is wrong meanwhile: nobody takes an expired lock for one that is held.
    } finally {
      this.round = undefined;
    }
  }
}
