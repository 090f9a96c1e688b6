import { Injectable } from '@nestjs/common';
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  type IRateLimiterOptions,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import { Database, type SqlValue } from '../foundation/database/database.js';

/** A statement as rate-limiter-flexible gives it to a client of `pg`. */
interface Statement {
  text: string;
  values: SqlValue[];
}

/** Counts tries within fixed windows: in a table that all processes share on PostgreSQL, in memory on SQLite. */
@Injectable()
export class RateLimitsRepository {
  constructor(private readonly database: Database) {}

  /** Makes a limiter of `points` tries in `duration` seconds for each key. */
  limiter(options: IRateLimiterOptions & { points: number }): RateLimiterAbstract {
    const inMemory = new RateLimiterMemory(options);
    if (this.database.dialect === 'sqlite') return inMemory;
    return new RateLimiterPostgres({
      ...options,
      storeClient: { query: (statement: Statement) => this.run(statement) },
      storeType: 'client',
      tableName: 'rate_limits',
      tableCreated: true, // by our migration
      clearExpiredByTimeout: false,
      // A key that was refused once is refused without a statement until its window ends.
      inMemoryBlockOnConsumed: options.points + 1,
      insuranceLimiter: inMemory, // while PostgreSQL does not answer
    });
  }

  /** Forgets which keys were refused: what the table counts decides again. */
  unblock(limiter: RateLimiterAbstract): void {
    if (limiter instanceof RateLimiterPostgres) limiter.deleteInMemoryBlockedAll();
  }

  /**
   * Removes the counts whose windows have ended, and those that a process whose clock was ahead has written.
   * @param longestMs the longest window
   */
  async removeEnded(now: number, longestMs: number): Promise<void> {
    if (this.database.dialect === 'sqlite') return;
    await this.database.write('DELETE FROM rate_limits WHERE expire <= $1 OR expire > $2', [
      now,
      now + longestMs,
    ]);
  }

  private async run({ text, values }: Statement): Promise<{ rows: object[]; rowCount: number }> {
    const rows = await this.database.write(text, values);
    return { rows, rowCount: rows.length };
  }
}
