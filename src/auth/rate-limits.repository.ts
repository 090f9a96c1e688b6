import { Injectable } from '@nestjs/common';
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  type IRateLimiterOptions,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import { Database, type SqlValue } from '../foundation/database/database.js';

/** A statement as rate-limiter-flexible passes it to a `pg` client. */
interface Statement {
  text: string;
  values: SqlValue[];
}

/** Counts tries in fixed windows: on PostgreSQL in a table that all processes share, on SQLite in memory. */
@Injectable()
export class RateLimitsRepository {
  constructor(private readonly database: Database) {}

  /** Creates a limiter that allows `points` tries per key in `duration` seconds. */
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
      // Once a key was refused, this process refuses it without asking the database until its window ends.
      inMemoryBlockOnConsumed: options.points + 1,
      insuranceLimiter: inMemory, // used while PostgreSQL does not answer
    });
  }

  /**
   * Removes counts whose windows have ended, and counts written by a process whose clock was ahead.
   * @param now epoch ms
   * @param longestMs length of the longest window
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
