import type BetterSqlite from 'better-sqlite3';
import { columnsOf, normalized, type DocumentKind } from '../kinds.js';
import { InvalidDatabase } from './invalid-database.js';

interface SchemaRow {
  type: string;
  name: string;
  table: string;
  rootpage: number | null;
  sql: string | null;
}

const OF_SQLITE = /^sqlite_(sequence$|autoindex_)/;

/** Checks that a database has only the tables of its kind and those that CR-SQLite adds. @throws InvalidDatabase */
export function checkSchema(source: BetterSqlite.Database, kind: DocumentKind): void {
  const version = source.pragma('user_version', { simple: true }) as number;
  if (version !== 0 && version !== kind.version) {
    throw new InvalidDatabase(
      `The database has version ${version} of ${kind.name}, this server ${kind.version}.`,
    );
  }
  const rows = source
    .prepare('SELECT type, name, tbl_name AS "table", rootpage, sql FROM sqlite_schema')
    .all() as SchemaRow[];
  for (const row of rows) checkObject(row, kind);
  for (const { name, columns } of kind.tables) {
    if (!rows.some((row) => row.type === 'table' && row.name === name)) {
      throw new InvalidDatabase(`The table ${name} is missing.`);
    }
    checkColumns(source, name, columns);
  }
  checkNoneHidden(source);
}

function checkObject(row: SchemaRow, kind: DocumentKind): void {
  const { type, name, table, sql } = row;
  const isKnown = (known: string) =>
    OF_SQLITE.test(known) || isOfCrSqlite(known, kind) || kind.tables.some((one) => one.name === known);
  if (type === 'table' && isKnown(name) && isStored(row)) return;
  // Any index is allowed: indexes are not copied, and rows are read without them.
  if (type === 'index' && isKnown(table)) return;
  if (type === 'trigger' && (isOfCrSqlite(name, kind) || kind.objects[name] === normalized(sql ?? '')))
    return;
  throw new InvalidDatabase(`The ${describe(row)} does not belong to ${kind.name}.`);
}

/** Whether the table has its own pages and is not virtual. SQLite always stores the statement beginning like this. */
function isStored({ rootpage, sql }: SchemaRow): boolean {
  return (rootpage ?? 0) > 0 && sql !== null && sql.startsWith('CREATE TABLE ');
}

/** Whether CR-SQLite added the object to merge changes; such objects are not copied. */
function isOfCrSqlite(name: string, kind: DocumentKind): boolean {
  if (/^(__)?crsql_/.test(name)) return true;
  return kind.tables.some((table) => name.startsWith(`${table.name}__crsql_`));
}

function checkColumns(
  source: BetterSqlite.Database,
  table: string,
  expected: DocumentKind['tables'][number]['columns'],
): void {
  const describe = (column: (typeof expected)[number]) =>
    `${column.name} ${column.type.toUpperCase()} ${column.isNotNull} ${column.keyPlace}`;
  const found = columnsOf(source, 'main', table);
  const strange = found.find(
    (column) => column.isHidden || !expected.some((one) => describe(one) === describe(column)),
  );
  if (strange) throw new InvalidDatabase(`The column ${table}.${quoted(strange.name)} is not as declared.`);
  const missing = expected.find(({ name }) => !found.some((column) => column.name === name));
  if (missing) throw new InvalidDatabase(`The column ${table}.${missing.name} is missing.`);
}

/** Refuses generated columns: checking a table's pages would evaluate their expressions. */
function checkNoneHidden(source: BetterSqlite.Database): void {
  const hidden = source
    .prepare(
      `SELECT o.name FROM sqlite_schema AS o, pragma_table_xinfo(o.name) AS c
       WHERE o.type = 'table' AND c.hidden <> 0`,
    )
    .pluck()
    .get() as string | undefined;
  if (hidden !== undefined) throw new InvalidDatabase(`The table ${quoted(hidden)} has a generated column.`);
}

function describe({ type, name, sql }: SchemaRow): string {
  const isVirtual = type === 'table' && /^\s*CREATE\s+VIRTUAL/i.test(sql ?? '');
  const known = ['table', 'index', 'trigger', 'view'].includes(type) ? type : 'object';
  return `${isVirtual ? 'virtual table' : known} ${quoted(name)}`;
}

/** Quotes a name from the client's file, cut to 60 characters. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}
