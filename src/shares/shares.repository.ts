import { Injectable } from '@nestjs/common';
import {
  Database,
  type Connection,
  type SqlValue,
  type Transaction,
} from '../foundation/database/database.js';
import type { Timestamp } from '../protocol/sync.js';
import { quote } from '../sync/records.sql.js';
import { SHARED_TABLE } from './shared-game.js';

/** A link to one game, without its token. */
export interface Share {
  accountId: string;
  shareId: string;
  gameId: string;
}

/** A share as its account's devices see it. */
export interface ShareProfile {
  shareId: string;
  /** Epoch ms. */
  createdAt: number;
}

/** Links to games; only hashes of their tokens are stored. */
@Injectable()
export class SharesRepository {
  constructor(private readonly database: Database) {}

  /** Adds a share; `now` is epoch ms. */
  async create(
    tx: Transaction,
    share: Share,
    tokenHash: string,
    createdBy: string,
    now: number,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO shares (account_id, id, game_id, token_hash, created_at, created_by)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [share.accountId, share.shareId, share.gameId, tokenHash, now, createdBy],
    );
  }

  /** The shares of a game, the oldest first. */
  list(accountId: string, gameId: string): Promise<ShareProfile[]> {
    return this.database.query<ShareProfile>(
      `SELECT id AS "shareId", created_at AS "createdAt" FROM shares
       WHERE account_id = $1 AND game_id = $2 ORDER BY created_at, id`,
      [accountId, gameId],
    );
  }

  /** The number of the account's shares. */
  countOfAccount(connection: Connection, accountId: string): Promise<number> {
    return count(connection, 'account_id = $1', [accountId]);
  }

  /** The number of the game's shares. */
  countOfGame(connection: Connection, accountId: string, gameId: string): Promise<number> {
    return count(connection, 'account_id = $1 AND game_id = $2', [accountId, gameId]);
  }

  /** Removes a share. @returns whether the account had it */
  async remove(tx: Transaction, accountId: string, shareId: string): Promise<boolean> {
    const rows = await tx.query('DELETE FROM shares WHERE account_id = $1 AND id = $2 RETURNING id', [
      accountId,
      shareId,
    ]);
    return rows.length > 0;
  }

  /** Removes the account's shares of games that are deleted or purged. @returns how many */
  async removeOfDeletedGames(tx: Transaction, accountId: string): Promise<number> {
    const rows = await tx.query(
      `DELETE FROM shares WHERE account_id = $1 AND NOT EXISTS (
         SELECT 1 FROM ${quote(SHARED_TABLE)} g
         WHERE g.account_id = shares.account_id AND g.id = shares.game_id AND NOT g.is_deleted
       ) RETURNING id`,
      [accountId],
    );
    return rows.length;
  }

  /** The share with this token; null: there is none, or it was withdrawn. */
  async findByToken(tokenHash: string): Promise<Share | null> {
    const [share] = await this.database.query<Share>(
      `SELECT account_id AS "accountId", id AS "shareId", game_id AS "gameId" FROM shares WHERE token_hash = $1`,
      [tokenHash],
    );
    return share ?? null;
  }

  /** The committed clock of a share's account; null: the share was withdrawn. */
  async findClock(accountId: string, shareId: string): Promise<Timestamp | null> {
    const [row] = await this.database.query<{ clock: Timestamp }>(
      `SELECT a.clock AS "clock" FROM shares s JOIN accounts a ON a.id = s.account_id
       WHERE s.account_id = $1 AND s.id = $2`,
      [accountId, shareId],
    );
    return row?.clock ?? null;
  }
}

async function count(connection: Connection, where: string, values: SqlValue[]): Promise<number> {
  const [row] = await connection.query<{ n: number }>(
    `SELECT count(*) AS n FROM shares WHERE ${where}`,
    values,
  );
  return row!.n;
}
