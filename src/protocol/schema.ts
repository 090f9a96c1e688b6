import { checkSince, show } from './column-options.js';
import type { Column, ColumnValue } from './columns.js';

/** One synced table; `since` is the schema version that added it. */
export interface Table {
  readonly since: number;
  readonly columns: Readonly<Record<string, Column>>;
}

/** Every synced table by name. */
export type Tables = Readonly<Record<string, Table>>;

/** A row on the wire: its id and the declared columns. */
export type Row<T extends Table = Table> = { id: string } & {
  -readonly [K in keyof T['columns']]: T['columns'][K] extends Column<infer V> ? V : ColumnValue;
};

/** A checked declaration: the tables and their schema version. */
export interface Schema {
  readonly version: number;
  readonly tables: Tables;
}

const NAME = /^[a-z][a-z0-9_]{0,47}$/;
/** PostgreSQL cuts longer names of indexes off. */
const MAX_INDEX_NAME = 63;
/** SQLite makes a row's JSON in one call of a function, which takes 1,000 arguments. */
const MAX_COLUMNS = 400;
const RESERVED_EVERYWHERE = ['id', 'local_storage', 'constructor', 'prototype', 'rowid', 'oid'];
const RESERVED_TABLES = [...RESERVED_EVERYWHERE, 'changes'];
/** Names that the databases give themselves, also to indexes: `notes_pkey` is PostgreSQL's of the primary key of `notes`. */
const RESERVED_PATTERN = /^sqlite(_|$)|^pg_|_pkey$/;
const SERVER_COLUMNS = ['account_id', 'last_modified', 'is_deleted'];
const POSTGRES_COLUMNS = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'];
const RESERVED_COLUMNS = [...RESERVED_EVERYWHERE, ...SERVER_COLUMNS, ...POSTGRES_COLUMNS];

/** A declaration that breaks rules. */
export class DeclarationError extends Error {
  override readonly name = 'DeclarationError';

  /**
   * @param faults one line each, with the table and the column
   * @param tables the names of the tables, right or wrong
   */
  constructor(
    readonly faults: readonly string[],
    readonly tables: readonly string[],
  ) {
    super(faults.join('\n'));
  }
}

/**
 * Checks a declaration and finds its schema version: the greatest `since` in it. Names of the server's own tables are
 * refused later, when the server starts.
 * @throws DeclarationError with every fault
 */
export function declareSchema(tables: Tables): Schema {
  const faults = isObject(tables)
    ? Object.entries(tables).flatMap(([name, table]) => tableFaults(name, table, tables))
    : [`The tables must be an object by their names, not ${show(tables)}.`];
  if (faults.length === 0) faults.push(...nameClashes(tables));
  if (faults.length > 0) throw new DeclarationError(faults, isObject(tables) ? Object.keys(tables) : []);
  const versions = Object.values(tables).flatMap((table) => [
    table.since,
    ...Object.values(table.columns).map((column) => sinceOf(table, column)),
  ]);
  return { version: Math.max(1, ...versions), tables };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tableFaults(name: string, table: Table, tables: Tables): string[] {
  const where = `Table "${name}"`;
  if (!isObject(table)) return [`${where}: it must be { since, columns }, not ${show(table)}.`];
  const faults: string[] = [];
  if (!NAME.test(name) || RESERVED_TABLES.includes(name) || RESERVED_PATTERN.test(name)) {
    faults.push(`${where}: ${nameRule}`);
  }
  const wanted = checkSince(table.since);
  if (wanted) faults.push(`${where}: since must be ${wanted}, not ${show(table.since)}.`);
  const unknown = Object.keys(table).filter((key) => key !== 'since' && key !== 'columns');
  faults.push(...unknown.map((key) => `${where}: "${key}" is unknown; a table has since and columns.`));
  const columns: unknown = table.columns;
  if (!isObject(columns) || Object.keys(columns).length === 0) {
    return [...faults, `${where}: columns must be an object with at least one column, not ${show(columns)}.`];
  }
  const count = Object.keys(columns).length;
  if (count > MAX_COLUMNS)
    faults.push(`${where}: it has ${count} columns; at most ${MAX_COLUMNS} are possible.`);
  return [
    ...faults,
    ...Object.entries(table.columns).flatMap(([column, declared]) =>
      columnFaults(name, column, declared, tables),
    ),
  ];
}

const nameRule =
  'this name is reserved, or longer than 48 characters, or has characters outside a-z, 0-9 and _.';

function columnFaults(tableName: string, name: string, column: Column, tables: Tables): string[] {
  const where = `Column "${tableName}.${name}"`;
  const faults: string[] = [];
  if (!NAME.test(name) || RESERVED_COLUMNS.includes(name)) faults.push(`${where}: ${nameRule}`);
  // No `instanceof` or identity: the declaration may come from another copy of this file.
  if (!isObject(column) || typeof column.coerce !== 'function' || typeof column.project !== 'function') {
    return [...faults, `${where}: it must be text(), integer(), ref() or another kind, not ${show(column)}.`];
  }
  faults.push(...(column.faults ?? []).map((fault) => `${where}: ${fault}.`));
  const { references, isParent } = column;
  if (typeof references === 'string' && !Object.hasOwn(tables, references)) {
    faults.push(`${where}: it refers to "${references}", which is not declared.`);
  }
  if (isParent && `${tableName}_by_${name}`.length > MAX_INDEX_NAME) {
    faults.push(`${where}: the names of a table and its reference have at most 59 characters together.`);
  }
  return faults;
}

/** Tables and indexes share one space of names: `notes_by_change` is an index of `notes`, so no table can be called that. */
function nameClashes(tables: Tables): string[] {
  const taken = new Set(Object.keys(tables));
  return Object.entries(tables).flatMap(([name, { columns }]) => {
    const parents = Object.keys(columns).filter((column) => columns[column]!.isParent);
    const indexes = ['_by_change', '_tombstones', ...parents.map((column) => `_by_${column}`)];
    return indexes.flatMap((ending) => {
      const index = name + ending;
      const isTaken = taken.has(index);
      taken.add(index);
      return isTaken ? [`Table "${name}": its index "${index}" has the name of another table or index.`] : [];
    });
  });
}

/** The schema version that added a column. */
export function sinceOf(table: Table, column: Column): number {
  return Math.max(table.since, column.since ?? table.since);
}

/** The columns of a table that a client of the given schema version knows. */
export function columnsAt(table: Table, schemaVersion: number): [name: string, column: Column][] {
  return Object.entries(table.columns).filter(([, column]) => sinceOf(table, column) <= schemaVersion);
}

/** The tables that a client of the given schema version knows. */
export function tablesAt(schema: Schema, schemaVersion: number): [name: string, table: Table][] {
  return Object.entries(schema.tables).filter(([, table]) => table.since <= schemaVersion);
}

/** By table, the columns that refer to a row's parents, each with the parent's table. A row is deleted with any of them. */
export function parentsOf({ tables }: Schema): Record<string, Record<string, string>> {
  const entries = Object.entries(tables).map(([name, { columns }]) => {
    const parents = Object.entries(columns).flatMap(([key, { isParent, references }]) =>
      isParent && references !== undefined ? [[key, references] as const] : [],
    );
    return [name, Object.fromEntries(parents)] as const;
  });
  return Object.fromEntries(entries);
}
