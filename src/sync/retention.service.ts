import { Inject, Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AccountsRepository } from '../auth/accounts.repository.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import type { Schema } from '../protocol/schema.js';
import { TombstonesRepository } from './tombstones.repository.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Purges tombstones older than `TOMBSTONE_RETENTION_DAYS`; clients that were away longer get a replacement. */
@Injectable()
export class RetentionService {
  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly tombstones: TombstonesRepository,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Purges what is due, one batch per transaction; a timer runs it every hour.
   * @returns how many tombstones were purged
   */
  @Interval(HOUR_MS)
  async purge(): Promise<number> {
    if (this.config.tombstoneRetentionDays === 0) return 0;
    const cutoff = this.now() - this.config.tombstoneRetentionDays * DAY_MS;
    let purged = 0;
    for (const table of Object.keys(this.schema.tables)) {
      for (const accountId of await this.tombstones.listAccounts(table, cutoff)) {
        for (let batch = -1; batch !== 0; purged += batch)
          batch = await this.purgeBatch(table, accountId, cutoff);
      }
    }
    return purged;
  }

  private purgeBatch(table: string, accountId: string, cutoff: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const account = await this.accounts.lock(tx, accountId);
      const { count, greatestStamp } = await this.tombstones.removeBatch(tx, accountId, table, cutoff);
      if (count > 0) {
        const horizon = Math.max(account.horizon, greatestStamp);
        await this.accounts.update(tx, accountId, {
          ...account,
          horizon,
          rowCount: account.rowCount - count,
          tombstoneCount: account.tombstoneCount === null ? null : account.tombstoneCount - count,
        });
      }
      return count;
    });
  }
}
