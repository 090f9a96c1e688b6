import { Injectable } from '@nestjs/common';
import { Database, type Snapshot } from '../database/database.js';
import { Permits } from '../database/permits.js';

const WAIT_MS = 1_000;

/** Opens snapshots for pulls, so many for an account that one with slow readers leaves some to the others. */
@Injectable()
export class AccountSnapshots {
  private readonly permits = new Map<string, Permits>();
  private readonly perAccount: number;

  constructor(private readonly database: Database) {
    this.perAccount = Math.max(2, Math.floor(database.maxSnapshots / 4));
  }

  /** @throws AppError OVERLOADED when the account, or the server, has too many open and none is closed in time */
  async open(accountId: string): Promise<Snapshot> {
    const permits = this.permits.get(accountId) ?? new Permits(this.perAccount, WAIT_MS);
    this.permits.set(accountId, permits);
    await permits.take();
    let isHeld = true;
    const giveBack = () => {
      if (!isHeld) return;
      isHeld = false;
      permits.giveBack();
      if (permits.isIdle) this.permits.delete(accountId);
    };
    try {
      const snapshot = await this.database.openSnapshot();
      return {
        dialect: snapshot.dialect,
        query: (sql, params) => snapshot.query(sql, params),
        close: () => snapshot.close().finally(giveBack),
      };
    } catch (error) {
      giveBack();
      throw error;
    }
  }
}
