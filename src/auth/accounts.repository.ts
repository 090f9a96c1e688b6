import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Connection, Transaction } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Checkpoint, Timestamp } from '../protocol/sync.js';
import { CheckpointsRepository } from './checkpoints.repository.js';

/** An account's clock and the limits of its history. */
export interface AccountState {
  /** Replaced when a backup is restored; clients compare it with the one they know. */
  historyId: string;
  clock: Timestamp;
  /** Random, new with each value of the clock: 8 hex digits. */
  mark: string;
  /** The clock at which this history begins. */
  origin: Timestamp;
  /** Tombstones with stamps up to here may have been purged; 0: none was. */
  horizon: Timestamp;
  /** Stored records, tombstones included. */
  rowCount: number;
}

/** The columns of an AccountState, for queries that join `accounts a`. */
export const ACCOUNT_STATE = `a.history_id AS "historyId", a.clock AS "clock", a.mark AS "mark", a.origin AS "origin",
  a.horizon AS "horizon", a.row_count AS "rowCount"`;

/** The newest checkpoint of an account. */
export function checkpointOf({ clock, mark }: Pick<AccountState, 'clock' | 'mark'>): Checkpoint {
  return `${clock}-${mark}`;
}

/** Accounts and their clocks. Each value that a clock takes is stored as a checkpoint, in the same transaction. */
@Injectable()
export class AccountsRepository {
  constructor(private readonly checkpoints: CheckpointsRepository) {}

  /** Creates an account whose history begins at `now` (epoch ms). */
  async create(tx: Transaction, id: string, historyId: string, now: number): Promise<void> {
    const mark = newMark();
    await tx.query(
      `INSERT INTO accounts (id, history_id, clock, mark, origin, stamps_from, horizon, row_count, created_at)
       VALUES ($1, $2, $3, $4, $3, $3, 0, 0, $3)`,
      [id, historyId, now, mark],
    );
    await this.checkpoints.add(tx, id, now, mark);
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

  /** Sets the clock forward. Only `moveClock`, `create` and new histories set a clock. @returns the checkpoint */
  async moveClock(tx: Transaction, id: string, clock: Timestamp, rowCount: number): Promise<Checkpoint> {
    const mark = newMark();
    await tx.query('UPDATE accounts SET clock = $2, mark = $3, row_count = $4 WHERE id = $1', [
      id,
      clock,
      mark,
      rowCount,
    ]);
    await this.checkpoints.add(tx, id, clock, mark);
    return checkpointOf({ clock, mark });
  }

  /** Stores what a purge of tombstones changed. */
  async notePurge(tx: Transaction, id: string, horizon: Timestamp, rowCount: number): Promise<void> {
    await tx.query('UPDATE accounts SET horizon = $2, row_count = $3 WHERE id = $1', [id, horizon, rowCount]);
  }
}

function newMark(): string {
  return randomBytes(4).toString('hex');
}

function found(rows: AccountState[]): AccountState {
  const [state] = rows;
  if (!state)
    throw new AppError('DEVICE_REVOKED', { detail: 'The account of this device no longer exists.' });
  return state;
}
