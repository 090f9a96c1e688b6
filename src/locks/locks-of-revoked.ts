import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { EventBus } from '../foundation/events/event-bus.js';
import { LocksService } from './locks.service.js';

/** Releases the locks of revoked devices at once, so that nobody waits for someone who is not there any more. */
@Injectable()
export class LocksOfRevoked implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(LocksOfRevoked.name);
  private endSubscription?: () => void;

  constructor(
    private readonly locks: LocksService,
    private readonly events: EventBus,
  ) {}

  onModuleInit(): void {
    this.endSubscription = this.events.subscribe('device.revoked', ({ accountId, deviceId }) =>
      this.locks.releaseAllOf(accountId, deviceId).catch((error: unknown) => {
        // The device cannot renew them, so they expire.
        this.logger.warn(
          `The locks of the revoked device ${deviceId} run out by themselves: ${String(error)}`,
        );
      }),
    );
  }

  onModuleDestroy(): void {
    this.endSubscription?.();
  }
}
