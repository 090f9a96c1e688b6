import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { NOW, type Now } from '../config/config.module.js';
import { Database } from '../database/database.js';
import { DevicesRepository } from './devices.repository.js';

const WRITE_EVERY_MS = 60_000;

interface Activity {
  accountId: string;
  deviceId: string;
  seenAt: number;
  pulledAt: number | null;
}

/** Collects when devices were last there, and writes it at most once a minute. */
@Injectable()
export class DeviceActivity implements OnModuleInit, OnModuleDestroy {
  private pending = new Map<string, Activity>();
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly database: Database,
    private readonly devices: DevicesRepository,
    @Inject(NOW) private readonly now: Now,
  ) {}

  onModuleInit(): void {
    // A write that fails keeps its entries for the next one.
    this.timer = setInterval(() => void this.flush().catch(() => undefined), WRITE_EVERY_MS).unref();
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  noteSeen(accountId: string, deviceId: string): void {
    const known = this.pending.get(deviceId);
    if (known) known.seenAt = this.now();
    else this.pending.set(deviceId, { accountId, deviceId, seenAt: this.now(), pulledAt: null });
  }

  notePulled(accountId: string, deviceId: string): void {
    this.noteSeen(accountId, deviceId);
    this.pending.get(deviceId)!.pulledAt = this.now();
  }

  /** Writes what has been collected. */
  async flush(): Promise<void> {
    if (this.pending.size === 0) return;
    const activities = this.pending;
    this.pending = new Map();
    try {
      await this.database.transaction(async (tx) => {
        for (const { accountId, deviceId, seenAt, pulledAt } of activities.values()) {
          await this.devices.touch(tx, accountId, deviceId, seenAt, pulledAt);
        }
      });
    } catch (error) {
      this.pending = new Map([...activities, ...this.pending]);
      throw error;
    }
  }
}
