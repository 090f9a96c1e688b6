import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { Database } from '../foundation/database/database.js';
import { DevicesRepository } from './devices.repository.js';

const WRITE_EVERY_MS = 60_000;

interface Activity {
  accountId: string;
  deviceId: string;
  seenAt: number;
  pulledAt: number | null;
}

/** Collects when devices were last seen, and writes it to the database once a minute. */
@Injectable()
export class DeviceActivity implements OnModuleDestroy {
  private pending = new Map<string, Activity>();

  constructor(
    private readonly database: Database,
    private readonly devices: DevicesRepository,
    @Inject(NOW) private readonly now: Now,
  ) {}

  async onModuleDestroy(): Promise<void> {
    await this.flush();
  }

  /** Records that the device sent a request now. */
  noteSeen(accountId: string, deviceId: string): void {
    const known = this.pending.get(deviceId);
    if (known) known.seenAt = this.now();
    else this.pending.set(deviceId, { accountId, deviceId, seenAt: this.now(), pulledAt: null });
  }

  /** Records that the device pulled now. */
  notePulled(accountId: string, deviceId: string): void {
    this.noteSeen(accountId, deviceId);
    this.pending.get(deviceId)!.pulledAt = this.now();
  }

  /** The device's activity that is not written yet; null: none. */
  find(deviceId: string): { seenAt: number; pulledAt: number | null } | null {
    return this.pending.get(deviceId) ?? null;
  }

  /** Writes the collected activity. @throws what the database failed with; the activity is kept for the next time */
  @Interval(WRITE_EVERY_MS)
  async flush(): Promise<void> {
    if (this.pending.size === 0) return;
    const activities = this.pending;
    this.pending = new Map();
    try {
      await this.database.transaction(async (tx) => {
        // Always in the same order: otherwise two processes that write the same devices could deadlock.
        const ordered = [...activities.values()].sort((a, b) => (a.deviceId < b.deviceId ? -1 : 1));
        for (const { accountId, deviceId, seenAt, pulledAt } of ordered) {
          await this.devices.touch(tx, accountId, deviceId, seenAt, pulledAt);
        }
      });
    } catch (error) {
      for (const [deviceId, activity] of activities) {
        const newer = this.pending.get(deviceId);
        if (newer) newer.pulledAt ??= activity.pulledAt;
        else this.pending.set(deviceId, activity);
      }
      throw error;
    }
  }
}
