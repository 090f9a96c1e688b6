import { Injectable } from '@nestjs/common';
import type { Connection, Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Timestamp } from '../protocol/sync.js';

/** An account's clock and the limits of its history. */
export interface AccountState {
  /** Replaced when a backup is restored; clients compare it with the one they know. */
  historyId: string;
  clock: Timestamp;
  /** The clock at which this history begins. */
  origin: Timestamp;
  /** Tombstones with stamps up to here may have been purged; 0: none was. */
  horizon: Timestamp;
  /** Stored records, tombstones included. */
  rowCount: number;
}

/** The columns of an AccountState, for queries that join `accounts a`. */
export const ACCOUNT_STATE = `a.history_id AS "historyId", a.clock AS "clock", a.origin AS "origin",
  a.horizon AS "horizon", a.row_count AS "rowCount"`;

/** Accounts and their clocks. */
@Injectable()
export class AccountsRepository {
  /** Creates an account whose history begins at `now` (epoch ms). */
  async create(tx: Transaction, id: string, historyId: string, now: number): Promise<void> {
    await tx.query(
      `INSERT INTO accounts (id, history_id, clock, origin, horizon, row_count, created_at)
       VALUES ($1, $2, $3, $3, 0, 0, $3)`,
      [id, historyId, now],
    );
  }

  /** Whether the account exists. */
  async exists(connection: Connection, id: string): Promise<boolean> {
    const rows = await connection.query('SELECT 1 AS found FROM accounts WHERE id = $1', [id]);
    return rows.length > 0;
  }

  /** @throws AppError DEVICE_REVOKED when the account does not exist any more */
  async get(connection: Connection, id: string): Promise<AccountState> {
    return found(
      await connection.query<AccountState>(`SELECT ${ACCOUNT_STATE} FROM accounts a WHERE a.id = $1`, [id]),
    );
  }

  /** When a restored backup last started a new history, epoch ms; null: never. */
  async restoredAt(connection: Connection, id: string): Promise<Timestamp | null> {
    const [row] = await connection.query<{ origin: Timestamp }>(
      'SELECT origin AS "origin" FROM accounts WHERE id = $1 AND origin > created_at',
      [id],
    );
    return row?.origin ?? null;
  }

  /**
   * Reads the account and locks its row until the transaction ends. Other pushes to the account wait, so commits happen
   * in the order of their clock values.
   * @throws AppError DEVICE_REVOKED when the account does not exist any more
   */
  async lock(tx: Transaction, id: string): Promise<AccountState> {
    // SQLite has only one writer at a time.
    const suffix = tx.dialect === 'postgres' ? ' FOR UPDATE' : '';
    return found(
      await tx.query<AccountState>(`SELECT ${ACCOUNT_STATE} FROM accounts a WHERE a.id = $1${suffix}`, [id]),
    );
  }

  /**
   * As `lock`, for a device's write; also keeps the device from being revoked until the transaction ends.
   * @throws AppError DEVICE_REVOKED when the device or the account does not exist any more
   */
  async lockAs(tx: Transaction, device: { accountId: string; deviceId: string }): Promise<AccountState> {
    const suffix = tx.dialect === 'postgres' ? ' FOR UPDATE OF a FOR KEY SHARE OF d' : '';
    const [state] = await tx.query<AccountState>(
      `SELECT ${ACCOUNT_STATE} FROM accounts a JOIN devices d ON d.account_id = a.id AND d.id = $2
       WHERE a.id = $1${suffix}`,
      [device.accountId, device.deviceId],
    );
    if (!state) throw new AppError('DEVICE_REVOKED');
    return state;
  }

  /** Stores clock, horizon and row count; only a restore changes history and origin. */
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
