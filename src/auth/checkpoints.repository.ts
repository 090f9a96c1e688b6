import { Injectable } from '@nestjs/common';
import { Database, type Connection, type Transaction } from '../foundation/database/database.js';
import type { Timestamp } from '../protocol/sync.js';

/** Beyond so many checkpoints of one account (about 6 MB) the oldest are pruned, whatever their age. */
const MAX_PER_ACCOUNT = 100_000;
/** Looking at the accounts of a page may block SQLite's event loop while each of them has very many checkpoints. */
const PAGE_ACCOUNTS = 50;
const BATCH_ROWS = 5_000;

/** What an account knows of some stamps. */
export interface KnownStamps {
  /** Every stamp up to here is known: it is from before checkpoints were kept, or pruned. */
  from: Timestamp;
  /** The marks of those stamps that are stored. */
  marks: ReadonlyMap<Timestamp, string>;
}

/** An account with checkpoints that are due for pruning. */
export interface Surplus {
  accountId: string;
  /** The greatest stamp to prune. */
  upTo: Timestamp;
}

/** The values that the clocks of accounts took. Each row is written with its clock, by AccountsRepository. */
@Injectable()
export class CheckpointsRepository {
  constructor(private readonly database: Database) {}

  async add(tx: Transaction, accountId: string, stamp: Timestamp, mark: string): Promise<void> {
    await tx.query('INSERT INTO account_checkpoints (account_id, stamp, mark) VALUES ($1, $2, $3)', [
      accountId,
      stamp,
      mark,
    ]);
  }

  /** What is known of two stamps, read by one statement: pruning in between would make a stamp unknown. */
  async find(
    connection: Connection,
    accountId: string,
    one: Timestamp,
    other: Timestamp,
  ): Promise<KnownStamps> {
    const rows = await connection.query<{ from: Timestamp; stamp: Timestamp | null; mark: string }>(
      `SELECT a.stamps_from AS "from", c.stamp AS "stamp", c.mark AS "mark" FROM accounts a
       LEFT JOIN account_checkpoints c ON c.account_id = a.id AND c.stamp IN ($2, $3) WHERE a.id = $1`,
      [accountId, one, other],
    );
    const stored = rows.flatMap(({ stamp, mark }) => (stamp === null ? [] : [[stamp, mark] as const]));
    return { from: rows[0]?.from ?? 0, marks: new Map(stored) };
  }

  /** The ids of the next page of accounts, and which of them have checkpoints from before `cutoff`, or too many. */
  async listSurplus(
    after: string,
    cutoff: Timestamp,
  ): Promise<{ lastId: string | null; surplus: Surplus[] }> {
    const rows = await this.database.query<{ id: string; old: Timestamp | null; many: Timestamp | null }>(
      `SELECT a.id AS "id",
         (SELECT max(c.stamp) FROM account_checkpoints c
          WHERE c.account_id = a.id AND c.stamp < $2 AND c.stamp < a.clock) AS "old",
         (SELECT c.stamp FROM account_checkpoints c WHERE c.account_id = a.id
          ORDER BY c.stamp DESC LIMIT 1 OFFSET ${MAX_PER_ACCOUNT}) AS "many"
       FROM (SELECT id, clock FROM accounts WHERE id > $1 ORDER BY id LIMIT ${PAGE_ACCOUNTS}) a ORDER BY a.id`,
      [after, cutoff],
    );
    const surplus = rows
      .map(({ id, old, many }) => ({ accountId: id, upTo: Math.max(old ?? 0, many ?? 0) }))
      .filter(({ upTo }) => upTo > 0);
    return { lastId: rows.at(-1)?.id ?? null, surplus };
  }

  /**
   * Prunes the oldest checkpoints up to a stamp, at most one batch and never the newest; they stay known.
   * @returns how many
   */
  async pruneBatch(tx: Transaction, { accountId, upTo }: Surplus): Promise<number> {
    const rows = await tx.query<{ stamp: Timestamp }>(
      `DELETE FROM account_checkpoints WHERE account_id = $1 AND stamp IN (
         SELECT c.stamp FROM account_checkpoints c WHERE c.account_id = $1 AND c.stamp <= $2
           AND c.stamp < (SELECT clock FROM accounts WHERE id = $1) ORDER BY c.stamp LIMIT ${BATCH_ROWS})
       RETURNING stamp AS "stamp"`,
      [accountId, upTo],
    );
    const greatest = rows.reduce((max, { stamp }) => Math.max(max, stamp), 0);
    await tx.query('UPDATE accounts SET stamps_from = $2 WHERE id = $1 AND stamps_from < $2', [
      accountId,
      greatest,
    ]);
    return rows.length;
  }
}
