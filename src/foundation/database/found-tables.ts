import type { Dialect } from '../../protocol/columns.js';
import {
  describeTables,
  type DescribedColumn,
  type DescribedTable,
} from '../../protocol/described-tables.js';
import type { Schema } from '../../protocol/schema.js';
import { literal } from './entities.js';
import { FIRST_MIGRATION } from './migrations.js';
import { RECORD_TABLES } from './hall-tables.js';
import { MIGRATIONS_TABLE, type ServerTables } from './server-tables.js';

/** A column that a database has. */
export interface FoundColumn {
  sqlType: string;
  optional: boolean;
  /** Whether the column has the index by which deletions cascade. */
  isParent: boolean;
  /** Absent: the server that added the column did not store declarations. */
  stored?: DescribedColumn;
}

/** A table of records that a database has. */
export interface FoundTable {
  columns: ReadonlyMap<string, FoundColumn>;
  stored?: DescribedTable;
}

/** What a database says about the tables of records that it was opened with. */
export interface FoundTables {
  /** The schema version; 0: the database has no tables of records yet. */
  version: number;
  tables: ReadonlyMap<string, FoundTable>;
  /** The names of all tables, views and indexes: they share one space of names. */
  names: ReadonlySet<string>;
  /** The migrations that were run. */
  migrations: ReadonlySet<string>;
}

/** What a database contains before a server has opened it. */
export const NO_TABLES: FoundTables = {
  version: 0,
  tables: new Map(),
  names: new Set(),
  migrations: new Set(),
};

/** Runs one statement without parameters. */
export type RunSql = (sql: string) => Promise<unknown[]>;

const NAMES: Record<Dialect, string> = {
  sqlite: `SELECT name AS "name" FROM sqlite_schema`,
  postgres: `SELECT relname AS "name" FROM pg_class WHERE relnamespace = current_schema()::regnamespace`,
};

const INDEXES: Record<Dialect, string> = {
  sqlite: `SELECT name AS "name", sql AS "sql" FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL`,
  postgres: `SELECT indexname AS "name", indexdef AS "sql" FROM pg_indexes WHERE schemaname = current_schema()`,
};

const COLUMNS: Record<Dialect, string> = {
  sqlite: `SELECT m.name AS "table", c.name AS "column", lower(c.type) AS "type", c."notnull" = 0 AS "optional"
    FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid`,
  postgres: `SELECT c.table_name AS "table", c.column_name AS "column", c.data_type AS "type",
      c.is_nullable = 'YES' AS "optional"
    FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
    WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE'
    ORDER BY table_name, c.ordinal_position`,
};

/** The columns of every record table that no declaration contains. */
export const SERVER_COLUMNS = ['account_id', 'id', 'last_modified', 'is_deleted'];

/** Reads which record tables a database has; changes nothing. */
export async function readTables(dialect: Dialect, run: RunSql, server: ServerTables): Promise<FoundTables> {
  const query = async <R extends object>(sql: string) => (await run(sql)) as R[];
  const names = new Set((await query<{ name: string }>(NAMES[dialect])).map(({ name }) => name));
  const migrations = new Set(
    names.has(MIGRATIONS_TABLE)
      ? (await query<{ name: string }>(`SELECT name FROM "${MIGRATIONS_TABLE}"`)).map(({ name }) => name)
      : [],
  );
  const stored = new Map(
    names.has(RECORD_TABLES)
      ? (await query<StoredRow>(`SELECT name, declaration FROM "${RECORD_TABLES}"`)).map(
          ({ name, declaration }) => [name, JSON.parse(declaration) as DescribedTable],
        )
      : [],
  );
  const indexes = new Map(
    (await query<{ name: string; sql: string }>(INDEXES[dialect])).map(({ name, sql }) => [
      name,
      sql.replaceAll('"', ''),
    ]),
  );
  const columns = await query<ColumnRow>(COLUMNS[dialect]);
  return {
    version: versionOf(migrations),
    tables: tablesOf(columns, stored, indexes, server),
    names,
    migrations,
  };
}

interface StoredRow {
  name: string;
  declaration: string;
}

interface ColumnRow {
  table: string;
  column: string;
  type: string;
  optional: boolean | number;
}

function versionOf(migrations: ReadonlySet<string>): number {
  const versions = [...migrations].flatMap((name) => {
    const digits = /^Records(\d{13})$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits) - FIRST_MIGRATION];
  });
  return Math.max(0, ...versions);
}

function tablesOf(
  rows: ColumnRow[],
  stored: ReadonlyMap<string, DescribedTable>,
  indexes: ReadonlyMap<string, string>,
  server: ServerTables,
): Map<string, FoundTable> {
  const tables = new Map<string, Map<string, FoundColumn>>();
  for (const { table, column, type, optional } of rows) {
    const columns = tables.get(table) ?? new Map<string, FoundColumn>();
    tables.set(table, columns);
    columns.set(column, {
      sqlType: type,
      optional: Boolean(optional),
      // Operators may have an index of that name, but on other columns.
      isParent: indexes.get(`${table}_by_${column}`)?.endsWith(`(account_id, ${column})`) ?? false,
      stored: stored.get(table)?.columns[column],
    });
  }
  const ofServer = new Set(server.tables.map(({ name }) => name));
  // The database may also hold the operator's own tables, such as a copy of a record table.
  const isOurs = (name: string) => stored.has(name) || indexes.has(`${name}_by_change`);
  const records = [...tables].filter(
    ([name, columns]) =>
      isOurs(name) && !ofServer.has(name) && SERVER_COLUMNS.every((column) => columns.has(column)),
  );
  return new Map(
    records.map(([name, columns]) => {
      for (const column of SERVER_COLUMNS) columns.delete(column);
      return [name, { columns, stored: stored.get(name) }];
    }),
  );
}

/** Stores what the database was opened with, so that the next start can tell every difference. */
export async function storeTables(run: RunSql, schema: Schema, found: FoundTables): Promise<void> {
  for (const [name, table] of Object.entries(describeTables(schema))) {
    const text = JSON.stringify(table);
    if (text === JSON.stringify(found.tables.get(name)?.stored)) continue;
    await run(
      `INSERT INTO "${RECORD_TABLES}" (name, declaration) VALUES (${literal(name)}, ${literal(text)})
       ON CONFLICT (name) DO UPDATE SET declaration = excluded.declaration`,
    );
  }
}
