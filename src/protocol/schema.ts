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
const RESERVED_TABLES = ['changes'];
const SERVER_COLUMNS = ['id', 'account_id', 'last_modified', 'is_deleted'];

/**
 * Checks a declaration and finds its schema version: the greatest `since` in it. Names of the server's own tables are
 * refused later, when the server starts.
 * @throws Error naming the first invalid table or column
 */
export function declareSchema(tables: Tables): Schema {
  let version = 1;
  for (const [name, table] of Object.entries(tables)) {
    if (!NAME.test(name) || RESERVED_TABLES.includes(name)) {
      throw new Error(`Table "${name}": this name is reserved or has characters outside a-z, 0-9 and _.`);
    }
    for (const [columnName, column] of Object.entries(table.columns)) {
      const where = `Column "${name}.${columnName}"`;
      if (!NAME.test(columnName) || SERVER_COLUMNS.includes(columnName)) {
        throw new Error(`${where}: this name is reserved or has characters outside a-z, 0-9 and _.`);
      }
      if (column.references !== undefined && !Object.hasOwn(tables, column.references)) {
        throw new Error(`${where} refers to "${column.references}", which is not declared.`);
      }
      version = Math.max(version, sinceOf(table, column));
    }
    version = Math.max(version, table.since);
  }
  return { version, tables };
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
