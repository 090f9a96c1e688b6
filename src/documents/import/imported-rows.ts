import { isUtf8 } from 'node:buffer';
import type BetterSqlite from 'better-sqlite3';
import { columnsOf, type DocumentKind, type KindColumn } from '../kinds.js';
import { InvalidDatabase } from './invalid-database.js';

/** The largest row. Copying a row, and merging documents, keep several copies of it in memory. */
export const MAX_ROW_BYTES = 67_108_864;

/** How many bytes column defaults may add for each byte of the file. */
const MAX_GROWTH = 4;

/**
 * Checks the length of column defaults. Rows that are older than a column do not store it, and SQLite reads them with its
 * default, so a long default would make a small file expand without bound.
 * @throws InvalidDatabase
 */
export function checkDefaults(source: BetterSqlite.Database, kind: DocumentKind, fileBytes: number): void {
  let bytes = 0;
  for (const { name } of kind.tables) {
    const rows = source.prepare(`SELECT count(*) FROM "${name}" NOT INDEXED`).pluck().get() as number;
    for (const column of columnsOf(source, 'main', name)) {
      bytes += rows * Buffer.byteLength(column.default ?? '');
    }
  }
  if (bytes > fileBytes * MAX_GROWTH) {
    throw new InvalidDatabase('The defaults of its columns are far longer than what the database holds.');
  }
}

/** Refuses rows that are too large to be read, by the sizes in their pages. @throws InvalidDatabase */
export function checkSizes(source: BetterSqlite.Database, kind: DocumentKind): void {
  const largest = source.prepare('SELECT max(mx_payload) FROM dbstat WHERE name = ?').pluck();
  for (const { name } of kind.tables) {
    if ((largest.get(name) as number) <= MAX_ROW_BYTES) continue;
    throw new InvalidDatabase(
      `A row of ${name} has more than ${MAX_ROW_BYTES} bytes, the most that one may have.`,
    );
  }
}

/**
 * Refuses values that SQLite can store but JavaScript and JSON cannot represent: infinite reals, and texts that are not
 * UTF-8 (different ones would become equal).
 * @param database a database with the kind's own tables
 * @throws InvalidDatabase
 */
export function checkValues(database: BetterSqlite.Database, kind: DocumentKind): void {
  const options = { deterministic: true, directOnly: true };
  database.function('has_replacement', options, (text) => ((text as string).includes('\uFFFD') ? 1 : 0));
  database.function('is_utf8', options, (bytes) => (isUtf8(bytes as Buffer) ? 1 : 0));
  for (const { name, columns } of kind.tables) {
    checkReals(database, name, columns);
    checkTexts(database, name, columns);
  }
}

function checkReals(database: BetterSqlite.Database, table: string, columns: KindColumn[]): void {
  const isInfinite = ({ name }: KindColumn) => `"${name}" IN (9e999, -9e999)`;
  const reals = columns.filter(({ type }) => ['REAL', 'ANY'].includes(type));
  if (!has(database, table, ['0', ...reals.map(isInfinite)].join(' OR '))) return;
  const column = reals.find((one) => has(database, table, isInfinite(one)))!;
  throw new InvalidDatabase(`The column ${table}.${column.name} has an infinite number.`);
}

function checkTexts(database: BetterSqlite.Database, table: string, columns: KindColumn[]): void {
  const texts = columns.filter(({ type }) => ['TEXT', 'ANY'].includes(type)).map(textOf);
  if (texts.length === 0) return;
  // One call checks all texts of a row, as calls to JavaScript cost most. The blank between texts keeps two invalid halves
  // from forming a valid character. Strings are tested first, as they are cheaper than buffers: in them invalid bytes become
  // U+FFFD.
  const joined = `concat_ws(' ', ${texts.join(', ')})`;
  const isInvalid = `has_replacement(${joined}) AND NOT is_utf8(CAST(${joined} AS BLOB))`;
  if (has(database, table, isInvalid)) throw new InvalidDatabase(`A text of ${table} is not valid UTF-8.`);
}

function has(database: BetterSqlite.Database, table: string, condition: string): boolean {
  const sql = `SELECT 1 FROM main."${table}" NOT INDEXED WHERE ${condition} LIMIT 1`;
  return database.prepare(sql).get() !== undefined;
}

function textOf({ name, type }: KindColumn): string {
  return type === 'TEXT' ? `"${name}"` : `iif(typeof("${name}") = 'text', "${name}", NULL)`;
}
