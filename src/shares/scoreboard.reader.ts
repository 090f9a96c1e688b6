import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../auth/accounts.repository.js';
import type { Connection, SqlValue } from '../foundation/database/database.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Schema } from '../protocol/schema.js';
import type { Timestamp } from '../protocol/sync.js';
import { AccountSnapshots } from '../sync/pull/account-snapshots.js';
import { isOneOf, quote, rowMembers, selectJson } from '../sync/records.sql.js';
import { partsOfSharedGame, SHARED_TABLE, type SharedPart } from './shared-game.js';

/** The most rows of one table in a scoreboard. */
const MAX_ROWS = 10_000;

type Rows = { id: string }[];

/** A game at one value of the account's clock. */
export interface GameState {
  /** The account's clock when the game was read. */
  clock: Timestamp;
  /** The game's row and the rows below it, by table, as JSON text; null: there is no such game, or it is deleted. */
  tables: string | null;
}

/** Reads one game with all rows below it, and nothing else of its account. */
@Injectable()
export class ScoreboardReader {
  private readonly parts: SharedPart[];

  constructor(
    private readonly snapshots: AccountSnapshots,
    private readonly accounts: AccountsRepository,
    @Inject(SCHEMA) private readonly schema: Schema,
  ) {
    this.parts = partsOfSharedGame(schema);
  }

  /** @throws AppError QUOTA_EXCEEDED when the game is too large to be watched, OVERLOADED */
  async read(accountId: string, gameId: string): Promise<GameState> {
    const snapshot = await this.snapshots.open(accountId);
    try {
      const { clock } = await this.accounts.get(snapshot, accountId);
      return { clock, tables: await this.readTables(snapshot, accountId, gameId) };
    } finally {
      await snapshot.close();
    }
  }

  /** Whether the account has this game and it is not deleted. */
  async exists(connection: Connection, accountId: string, gameId: string): Promise<boolean> {
    if (this.parts.length === 0) return false;
    const rows = await connection.query(
      `SELECT 1 AS found FROM ${quote(SHARED_TABLE)} WHERE account_id = $1 AND id = $2 AND NOT is_deleted`,
      [accountId, gameId],
    );
    return rows.length > 0;
  }

  private async readTables(
    connection: Connection,
    accountId: string,
    gameId: string,
  ): Promise<string | null> {
    const idsByTable = new Map([[SHARED_TABLE, [gameId]]]);
    const texts: string[] = [];
    for (const part of this.parts) {
      const text = await this.readPart(connection, accountId, part, idsByTable);
      if (part.table === SHARED_TABLE && text === '') return null;
      texts.push(`${JSON.stringify(part.table)}:[${text}]`);
    }
    return texts.length === 0 ? null : `{${texts.join()}}`;
  }

  private async readPart(
    connection: Connection,
    accountId: string,
    { table, parents }: SharedPart,
    idsByTable: Map<string, string[]>,
  ): Promise<string> {
    const { dialect } = connection;
    const values: SqlValue[] = [accountId];
    const oneOf = (column: string, ids: string[]) =>
      isOneOf(dialect, quote(column), `$${values.push(JSON.stringify(ids))}`);
    const found = parents.map(({ column, parent }) => oneOf(column, idsByTable.get(parent) ?? []));
    if (parents.length === 0) found.push(oneOf('id', idsByTable.get(table)!));
    const source = `SELECT * FROM ${quote(table)}
      WHERE account_id = $1 AND NOT is_deleted AND (${found.join(' OR ')}) ORDER BY id LIMIT ${MAX_ROWS + 1}`;
    const columns = Object.entries(this.schema.tables[table]!.columns);
    const [page] = await connection.query<{ items: string | null }>(
      selectJson(dialect, rowMembers(dialect, columns), source),
      values,
    );
    const text = page!.items ?? '';
    const rows = JSON.parse(`[${text}]`) as Rows;
    if (rows.length > MAX_ROWS) {
      throw new AppError('QUOTA_EXCEEDED', {
        detail: `A game with more than ${MAX_ROWS} ${table} is too large to be watched.`,
      });
    }
    idsByTable.set(
      table,
      rows.map(({ id }) => id),
    );
    return text;
  }
}
