import { Injectable } from '@nestjs/common';
import { Database, type Snapshot } from '../../foundation/database/database.js';
import { KeyedSemaphore } from '../../foundation/flow/semaphore.js';

const WAIT_MS = 1_000;

/** Opens snapshots for pulls. Each account may hold only some of them, so that slow readers of one do not block others. */
@Injectable()
export class AccountSnapshots {
  private readonly permits: KeyedSemaphore;

  constructor(private readonly database: Database) {
    this.permits = new KeyedSemaphore(Math.max(2, Math.floor(database.maxSnapshots / 4)), WAIT_MS);
  }

  /** @throws AppError OVERLOADED when the account or the server has too many open and none is closed in time */
  async open(accountId: string): Promise<Snapshot> {
    const release = await this.permits.acquire(accountId);
    try {
      const snapshot = await this.database.openSnapshot();
      return {
        dialect: snapshot.dialect,
        query: (sql, params) => snapshot.query(sql, params),
        close: () => snapshot.close().finally(release),
      };
    } catch (error) {
      release();
      throw error;
    }
  }
}
