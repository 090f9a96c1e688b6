import { Injectable } from '@nestjs/common';
import {
  RateLimiterMemory,
  RateLimiterPostgres,
  type IRateLimiterOptions,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import { Database, type SqlValue } from '../foundation/database/database.js';

/** The part of the `pg` driver that rate-limiter-flexible calls. */
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

  /** Removes the counts whose windows have ended. */
  async removeExpired(now: number): Promise<void> {
    if (this.database.dialect === 'sqlite') return;
    await this.database.write('DELETE FROM rate_limits WHERE expire <= $1', [now]);
  }

  private async run({ text, values }: Statement): Promise<{ rows: object[]; rowCount: number }> {
    const rows = await this.database.write(text, values);
    return { rows, rowCount: rows.length };
  }
}
