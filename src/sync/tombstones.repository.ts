import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../foundation/database/database.js';
import type { Timestamp } from '../protocol/sync.js';
import { oneOfSelected, quote, readInIndexOrder } from './records.sql.js';

const BATCH_ROWS = 5_000;

/** Finds and removes old tombstones, by an index over tombstones alone. */
@Injectable()
export class TombstonesRepository {
  constructor(private readonly database: Database) {}

  /** The accounts with tombstones in `table` from before `cutoff`. */
  async listAccounts(table: string, cutoff: Timestamp): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT DISTINCT account_id AS "id" FROM ${quote(table)} WHERE is_deleted AND last_modified < $1`,
      [cutoff],
    );
    return rows.map(({ id }) => id);
  }

  /** How many tombstones the account has in `table`. */
  async count(tx: Transaction, accountId: string, table: string): Promise<number> {
    const [row] = await tx.query<{ n: number }>(
      `SELECT count(*) AS n FROM ${quote(table)} WHERE account_id = $1 AND is_deleted`,
      [accountId],
    );
    return row!.n;
  }

  /** Removes the oldest tombstones from before `cutoff`, at most one batch. */
  async removeBatch(
    tx: Transaction,
    accountId: string,
    table: string,
    cutoff: Timestamp,
  ): Promise<{ count: number; greatestStamp: Timestamp }> {
    await readInIndexOrder(tx);
    const oldest = `SELECT id FROM ${quote(table)} WHERE account_id = $1 AND is_deleted AND last_modified < $2
       ORDER BY last_modified, id LIMIT ${BATCH_ROWS}`;
    const rows = await tx.query<{ stamp: Timestamp }>(
      `DELETE FROM ${quote(table)} WHERE account_id = $1 AND ${oneOfSelected(tx.dialect, 'id', oldest)}
       RETURNING last_modified AS "stamp"`,
      [accountId, cutoff],
    );
    return {
      count: rows.length,
      greatestStamp: rows.reduce((greatest, { stamp }) => Math.max(greatest, stamp), 0),
    };
  }
}
