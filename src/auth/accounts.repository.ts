import { Injectable } from '@nestjs/common';
import type { Connection, Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Timestamp } from '../protocol/sync.js';

/** Where an account's history stands. */
export interface AccountState {
  /** Renewed when a backup is restored; clients compare it. */
  historyId: string;
  clock: Timestamp;
  /** The clock at which this history begins. */
  origin: Timestamp;
  /** Deletions up to here may have been purged; 0: none has. */
  horizon: Timestamp;
  /** Stored records, deletions included. */
  rowCount: number;
}

/** The columns of an AccountState, for other queries to select along. */
export const ACCOUNT_STATE = `a.history_id AS "historyId", a.clock AS "clock", a.origin AS "origin",
  a.horizon AS "horizon", a.row_count AS "rowCount"`;

/** Accounts and their clocks. */
@Injectable()
export class AccountsRepository {
  /** Makes an account whose history begins at `now` (epoch ms). */
  async create(tx: Transaction, id: string, historyId: string, now: number): Promise<void> {
    await tx.query(
      `INSERT INTO accounts (id, history_id, clock, origin, horizon, row_count, created_at)
       VALUES ($1, $2, $3, $3, 0, 0, $3)`,
      [id, historyId, now],
    );
  }

  /** Whether there is such an account. */
  async exists(connection: Connection, id: string): Promise<boolean> {
    const rows = await connection.query('SELECT 1 AS found FROM accounts WHERE id = $1', [id]);
    return rows.length > 0;
  }

  /** @throws AppError DEVICE_REVOKED when the account is gone */
  async get(connection: Connection, id: string): Promise<AccountState> {
    return found(
      await connection.query<AccountState>(`SELECT ${ACCOUNT_STATE} FROM accounts a WHERE a.id = $1`, [id]),
    );
  }

  /** When a restore last began the account's history anew, epoch ms; null: none has. */
  async restoredAt(connection: Connection, id: string): Promise<Timestamp | null> {
    const [row] = await connection.query<{ origin: Timestamp }>(
      'SELECT origin AS "origin" FROM accounts WHERE id = $1 AND origin > created_at',
      [id],
    );
    return row?.origin ?? null;
  }

  /**
   * Reads the account and keeps every other push of it waiting until the transaction ends, so that commits come in
   * the order of their clock values.
   * @throws AppError DEVICE_REVOKED when the account is gone
   */
  async lock(tx: Transaction, id: string): Promise<AccountState> {
    // SQLite has one writer at a time anyway.
    const suffix = tx.dialect === 'postgres' ? ' FOR UPDATE' : '';
    return found(
      await tx.query<AccountState>(`SELECT ${ACCOUNT_STATE} FROM accounts a WHERE a.id = $1${suffix}`, [id]),
    );
  }

  /** Stores clock, horizon and row count; history and origin change only by a restore. */
  async update(tx: Transaction, id: string, state: AccountState): Promise<void> {
    await tx.query('UPDATE accounts SET clock = $2, horizon = $3, row_count = $4 WHERE id = $1', [
      id,
      state.clock,
      state.horizon,
      state.rowCount,
    ]);
  }
}

function found(rows: AccountState[]): AccountState {
  const [state] = rows;
  if (!state)
    throw new AppError('DEVICE_REVOKED', { detail: 'The account of this device no longer exists.' });
  return state;
}
