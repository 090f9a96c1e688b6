import { Inject, Injectable } from '@nestjs/common';
import type { Connection, Transaction } from '../foundation/database/database.js';
import { inPieces, sortInPieces } from '../foundation/flow/in-pieces.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import type { ColumnValue } from '../protocol/columns.js';
import type { Schema, Table } from '../protocol/schema.js';
import type { Timestamp } from '../protocol/sync.js';
import type { FullRow, StoredRow } from './push/merge.js';
import {
  insertRows,
  isOneOf,
  quote,
  rowMembers,
  selectJson,
  upsertStatement,
  type Member,
} from './records.sql.js';

/** Ids or rows in one statement: few enough that other requests run in between. */
const AT_ONCE = 1_000;

/** Reads and writes the stored records for a push; every statement is set-based and limited to one account. */
@Injectable()
export class RecordsRepository {
  constructor(@Inject(SCHEMA) private readonly schema: Schema) {}

  /** Adds the stored rows with these ids, live or deleted, to `found`. */
  async listByIds(
    tx: Transaction,
    accountId: string,
    name: string,
    ids: Iterable<string>,
    found: Map<string, StoredRow>,
  ): Promise<void> {
    const { dialect } = tx;
    const members: Member[] = [
      ...rowMembers(dialect, Object.entries(this.table(name).columns)),
      ['last_modified', dialect === 'sqlite' ? 'last_modified' : 'last_modified::text'],
      ['is_deleted', dialect === 'sqlite' ? "json(iif(is_deleted, 'true', 'false'))" : 'is_deleted::text'],
    ];
    const stored = `SELECT * FROM ${quote(name)} WHERE account_id = $1 AND ${isOneOf(dialect, 'id', '$2')}`;
    const sql = selectJson(dialect, members, stored);
    for await (const piece of inPieces(ids, AT_ONCE)) {
      const [answer] = await tx.query<{ items: string | null }>(sql, [accountId, JSON.stringify(piece)]);
      for (const row of JSON.parse(`[${answer!.items ?? ''}]`) as StoredRow[]) found.set(row.id, row);
    }
  }

  /** Which of the ids are tombstones. */
  listTombstones(tx: Transaction, accountId: string, name: string, ids: Iterable<string>): Promise<string[]> {
    const sql = `SELECT id FROM ${quote(name)}
      WHERE account_id = $1 AND ${isOneOf(tx.dialect, 'id', '$2')} AND is_deleted`;
    return this.listIds(tx, sql, accountId, ids);
  }

  /** The ids of live rows whose `column` names one of the parents. */
  listLiveIdsByParent(
    tx: Transaction,
    accountId: string,
    name: string,
    column: string,
    parentIds: string[],
  ): Promise<string[]> {
    const sql = `SELECT id FROM ${quote(name)}
      WHERE account_id = $1 AND ${isOneOf(tx.dialect, quote(column), '$2')} AND NOT is_deleted`;
    return this.listIds(tx, sql, accountId, parentIds);
  }

  /** Inserts or replaces live rows, all with one stamp. */
  async writeRows(
    tx: Transaction,
    accountId: string,
    name: string,
    rows: FullRow[],
    stamp: Timestamp,
  ): Promise<void> {
    await this.write(tx, accountId, name, rows, stamp, false);
  }

  /** Inserts tombstones or turns stored rows into them, clearing their content. */
  async writeTombstones(
    tx: Transaction,
    accountId: string,
    name: string,
    ids: Iterable<string>,
    stamp: Timestamp,
  ): Promise<void> {
    const blank: Record<string, ColumnValue> = {};
    for (const [column, declared] of Object.entries(this.table(name).columns))
      blank[column] = declared.emptyValue;
    const rows: FullRow[] = [];
    for await (const piece of inPieces(ids)) for (const id of piece) rows.push({ ...blank, id });
    await this.write(tx, accountId, name, rows, stamp, true);
  }

  private async write(
    tx: Transaction,
    accountId: string,
    name: string,
    rows: FullRow[],
    stamp: Timestamp,
    isDeleted: boolean,
  ): Promise<void> {
    const columns = Object.keys(this.table(name).columns);
    const sql = upsertStatement(tx.dialect, name, this.table(name));
    // In the order of the primary key, so that the database fills its pages one after another.
    const sorted = await sortInPieces(rows, (a, b) => (a.id < b.id ? -1 : 1));
    for await (const piece of inPieces(sorted, AT_ONCE))
      await insertRows(tx, sql, [accountId, stamp, isDeleted], ['id', ...columns], piece);
  }

  private async listIds(
    connection: Connection,
    sql: string,
    accountId: string,
    ids: Iterable<string>,
  ): Promise<string[]> {
    const found: string[] = [];
    for await (const piece of inPieces(ids, AT_ONCE)) {
      const rows = await connection.query<{ id: string }>(sql, [accountId, JSON.stringify(piece)]);
      for (const { id } of rows) found.push(id);
    }
    return found;
  }

  private table(name: string): Table {
    return this.schema.tables[name]!;
  }
}
