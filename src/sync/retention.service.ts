import { Inject, Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AccountsRepository } from '../auth/accounts.repository.js';
import { CheckpointsRepository, type Surplus } from '../auth/checkpoints.repository.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import { yieldToEventLoop } from '../foundation/flow/yield-to-event-loop.js';
import type { Schema } from '../protocol/schema.js';
import { TombstonesRepository } from './tombstones.repository.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Purges tombstones older than `TOMBSTONE_RETENTION_DAYS`; clients that were away longer get a replacement. Prunes
 * checkpoints older than `STAMP_RETENTION_DAYS`; from clients that were away longer every stamp is taken for known.
 */
@Injectable()
export class RetentionService {
  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly checkpoints: CheckpointsRepository,
    private readonly tombstones: TombstonesRepository,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /** Purges what is due, one batch per transaction; a timer runs it every hour. */
  @Interval(HOUR_MS)
  async purge(): Promise<void> {
    await this.purgeTombstones();
    await this.pruneCheckpoints();
  }

  private async purgeTombstones(): Promise<void> {
    if (this.config.tombstoneRetentionDays === 0) return;
    const cutoff = this.now() - this.config.tombstoneRetentionDays * DAY_MS;
    for (const table of Object.keys(this.schema.tables)) {
      for (const accountId of await this.tombstones.listAccounts(table, cutoff)) {
        while ((await this.purgeBatch(table, accountId, cutoff)) > 0);
      }
    }
  }

  private purgeBatch(table: string, accountId: string, cutoff: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const account = await this.accounts.lock(tx, accountId);
      const { count, greatestStamp } = await this.tombstones.removeBatch(tx, accountId, table, cutoff);
      if (count > 0) {
        const horizon = Math.max(account.horizon, greatestStamp);
        await this.accounts.notePurge(tx, accountId, horizon, {
          rowCount: account.rowCount - count,
          tombstoneCount: account.tombstoneCount === null ? null : account.tombstoneCount - count,
        });
      }
      return count;
    });
  }

  private async pruneCheckpoints(): Promise<void> {
    const days = this.config.stampRetentionDays;
    // Even with checkpoints kept for ever, their number has a bound.
    const cutoff = days === 0 ? 0 : this.now() - days * DAY_MS;
    for (let after = ''; ;) {
      const { lastId, surplus } = await this.checkpoints.listSurplus(after, cutoff);
      for (const due of surplus) {
        while ((await this.pruneBatch(due)) > 0);
      }
      if (lastId === null) return;
      after = lastId;
      await yieldToEventLoop();
    }
  }

  private pruneBatch(due: Surplus): Promise<number> {
    return this.database.transaction(async (tx) => {
      await this.accounts.lock(tx, due.accountId);
      return this.checkpoints.pruneBatch(tx, due);
    });
  }
}
