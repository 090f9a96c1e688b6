import type { Connection, SqlValue, Transaction } from '../foundation/database/database.js';
import type { Column, Dialect } from '../protocol/columns.js';
import type { Table } from '../protocol/schema.js';
import type { FullRow } from './push/merge.js';

// The SQL that differs between the two databases, and the SQL derived from the declaration.

/** Quotes a name, which must come from the checked declaration, never from a request. */
export function quote(name: string): string {
  return `"${name}"`;
}

/** A member of a JSON object: its name and the SQL expression of its value (see `Column.project`). */
export type Member = [name: string, sql: string];

/** The members of a row on the wire. */
export function rowMembers(dialect: Dialect, columns: [name: string, column: Column][]): Member[] {
  return [
    ['id', dialect === 'sqlite' ? 'id' : 'to_json(id)::text'],
    ...columns.map(([name, column]): Member => [name, column.project(dialect, quote(name))]),
  ];
}

/**
 * Selects rows as one text `items`: JSON objects, built by the database and joined by commas; null without rows.
 * @param source the query that gives the rows
 * @param more further aggregates to select, such as `, count(*) AS "count"`
 */
export function selectJson(dialect: Dialect, members: Member[], source: string, more = ''): string {
  if (dialect === 'sqlite') {
    const object = `json_object(${members.map(([name, sql]) => `'${name}', ${sql}`).join(', ')})`;
    return `SELECT group_concat(${object}) AS "items"${more} FROM (${source}) AS page`;
  }
  // PostgreSQL's functions that build objects look up their arguments' types for each row. Joining texts takes three
  // quarters of row_to_json's time and a third of json_build_object's.
  const object = members
    .map(([name, sql], index) => `'${index === 0 ? '{' : ','}"${name}":' || ${sql}`)
    .join(' || ');
  return `SELECT string_agg(${object} || '}', ',') AS "items"${more} FROM (${source}) AS page`;
}

/** Selects ids as JSON strings joined by commas, like `selectJson`. */
export function selectJsonIds(dialect: Dialect, source: string, more = ''): string {
  const ids = dialect === 'sqlite' ? 'group_concat(json_quote(id))' : `string_agg(to_json(id)::text, ',')`;
  return `SELECT ${ids} AS "items"${more} FROM (${source}) AS page`;
}

/** The condition that `column` is in a JSON array of strings; one parameter holds any number of them. */
export function isOneOf(dialect: Dialect, column: string, parameter: string): string {
  const values =
    dialect === 'sqlite'
      ? `value FROM json_each(${parameter})`
      : `json_array_elements_text(${parameter}::json)`;
  return oneOfSelected(dialect, column, `SELECT ${values}`);
}

/** The condition that `column` is among the values of a query. */
export function oneOfSelected(dialect: Dialect, column: string, query: string): string {
  // An array, not a join: with a join PostgreSQL reads the whole table while it has no statistics of it.
  return dialect === 'sqlite' ? `${column} IN (${query})` : `${column} = ANY(ARRAY(${query}))`;
}

/**
 * Makes PostgreSQL read pages along an index until the transaction ends. Without statistics (a new installation, a
 * restore, an upgrade) it expects few rows and would sort for each page all that is left. Nobody may read a page before:
 * a prepared statement keeps its plan.
 */
export async function readInIndexOrder(connection: Connection): Promise<void> {
  if (connection.dialect === 'postgres')
    await connection.query(`SELECT set_config('enable_sort', 'off', true)`);
}

/** The statement that inserts or replaces rows; parameters: account, stamp, is_deleted, then the row (see insertRows). */
export function upsertStatement(dialect: Dialect, name: string, table: Table): string {
  const columns = ['id', ...Object.keys(table.columns)];
  const target = `INSERT INTO ${quote(name)} (account_id, last_modified, is_deleted, ${columns.map(quote).join(', ')})`;
  const replaced = ['last_modified', 'is_deleted', ...Object.keys(table.columns)]
    .map((column) => `${quote(column)} = excluded.${quote(column)}`)
    .join(', ');
  const conflict = `ON CONFLICT (account_id, id) DO UPDATE SET ${replaced}`;
  if (dialect === 'sqlite') {
    const values = ['$1', '$2', '$3', ...columns.map((_, index) => `$${index + 4}`)].join(', ');
    return `${target} VALUES (${values}) ${conflict}`;
  }
  const types = [
    `id text`,
    ...Object.entries(table.columns).map(([column, { sqlType }]) => `${quote(column)} ${sqlType.postgres}`),
  ];
  return `${target} SELECT $1::text, $2::bigint, $3::boolean, r.* FROM json_to_recordset($4::json) AS r (${types.join(', ')}) ${conflict}`;
}

/** Runs an upsert statement: on SQLite once for each row, on PostgreSQL with all rows as one JSON parameter. */
export async function insertRows(
  tx: Transaction,
  sql: string,
  shared: readonly [accountId: string, stamp: number, isDeleted: boolean],
  columns: string[],
  rows: FullRow[],
): Promise<void> {
  if (tx.dialect === 'postgres') {
    await tx.query(sql, [...shared, JSON.stringify(rows)]);
    return;
  }
  tx.executeEach(
    sql,
    rows.map((row): SqlValue[] => [...shared, ...columns.map((column) => row[column]!)]),
  );
}
