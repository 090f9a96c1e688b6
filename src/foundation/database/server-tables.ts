import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { Dialect } from '../../protocol/columns.js';
import type { Schema } from '../../protocol/schema.js';
import { AppStartError } from '../errors/app-start-error.js';

/** A column of one of the server's own tables. */
interface ServerColumn {
  readonly type: Readonly<Record<Dialect, string>>;
  readonly isNullable?: boolean;
  /** Compared byte by byte on PostgreSQL too; SQLite always does so. */
  readonly isByteOrdered?: boolean;
  /** PostgreSQL generates ascending numbers. */
  readonly isGenerated?: boolean;
  /** An SQL expression. */
  readonly default?: string;
}

/** One of the server's own tables. */
export interface ServerTable {
  readonly name: string;
  readonly columns: Readonly<Record<string, ServerColumn>>;
  readonly primaryKey: readonly string[];
  readonly indexes?: readonly ServerIndex[];
  /** The only dialect that has the table; default: both. */
  readonly only?: Dialect;
}

/** An index of one of the server's own tables. */
interface ServerIndex {
  readonly name: string;
  readonly columns: readonly string[];
  readonly isUnique?: boolean;
  /** SQL condition: the index contains only rows that fulfil it. */
  readonly where?: string;
}

/**
 * One migration of the server's own tables. After a release its statements never change, because databases have run
 * them: a later change of a table is a new migration.
 */
interface ServerMigration {
  /** Ends with the 13 digits by which TypeORM sorts migrations. */
  readonly name: string;
  /** The names of the tables that it creates. */
  readonly creates: readonly string[];
  readonly statements: (dialect: Dialect) => string[];
}

/** The server's own tables, of one room or of all. */
export interface ServerTables {
  readonly tables: readonly ServerTable[];
  readonly migrations: readonly ServerMigration[];
}

export const sameType = (type: string) => ({ sqlite: type, postgres: type });

/** An id, such as of an account, a device or a video. */
export const id: ServerColumn = { type: sameType('text'), isByteOrdered: true };
export const text: ServerColumn = { type: sameType('text') };
/** 32 bits. */
export const integer: ServerColumn = { type: sameType('integer') };
/** 64 bits: times in epoch ms, sizes in bytes, versions. */
export const bigint: ServerColumn = { type: { sqlite: 'integer', postgres: 'bigint' } };
export const bytes: ServerColumn = { type: { sqlite: 'blob', postgres: 'bytea' } };

/** The same column, but nullable. */
export function optional(column: ServerColumn): ServerColumn {
  return { ...column, isNullable: true };
}

/** The tables that exist in this dialect. */
export function tablesOn(dialect: Dialect, { tables }: ServerTables): ServerTable[] {
  return tables.filter(({ only }) => only === undefined || only === dialect);
}

/** TypeORM's entity of a table. */
export function serverEntity(dialect: Dialect, table: ServerTable): EntitySchema {
  const columns = Object.entries(table.columns).map(([name, column]): [string, EntitySchemaColumnOptions] => [
    name,
    {
      type: column.type[dialect] as EntitySchemaColumnOptions['type'],
      primary: table.primaryKey.includes(name),
      nullable: column.isNullable,
      collation: column.isByteOrdered && dialect === 'postgres' ? 'C' : undefined,
      generated: column.isGenerated ? 'increment' : undefined,
      default: column.default === undefined ? undefined : () => column.default,
    },
  ]);
  return new EntitySchema({
    name: table.name,
    columns: Object.fromEntries(columns),
    indices: table.indexes?.map((index) => ({
      name: index.name,
      columns: [...index.columns],
      unique: index.isUnique,
      where: index.where,
    })),
  });
}

/** The statements that create a table as declared: its first migration uses them until a release freezes their text. */
export function createServerTable(dialect: Dialect, table: ServerTable): string[] {
  const columns = Object.entries(table.columns).map(([name, column]) => {
    const type = column.isGenerated && dialect === 'postgres' ? 'bigserial' : column.type[dialect];
    const collation = column.isByteOrdered && dialect === 'postgres' ? ' COLLATE "C"' : '';
    const nullability = column.isNullable ? '' : ' NOT NULL';
    const fill = column.default === undefined ? '' : ` DEFAULT ${column.default}`;
    return `"${name}" ${type}${collation}${nullability}${fill}`;
  });
  const indexes = (table.indexes ?? []).map(
    (index) =>
      `CREATE ${index.isUnique ? 'UNIQUE ' : ''}INDEX "${index.name}" ON "${table.name}" (${quoted(index.columns)})` +
      (index.where ? ` WHERE ${index.where}` : ''),
  );
  return [
    `CREATE TABLE "${table.name}" (${columns.join(', ')}, PRIMARY KEY (${quoted(table.primaryKey)}))`,
    ...indexes,
  ];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}

/** The table in which TypeORM lists the migrations that were run. */
export const MIGRATIONS_TABLE = 'migrations';

/** The names of the server's own tables and indexes, in either dialect: no record table can have one of them. */
export function reservedNames({ tables }: ServerTables): ReadonlySet<string> {
  const indexes = tables.flatMap((table) => table.indexes ?? []);
  return new Set([...tables, ...indexes].map(({ name }) => name)).add(MIGRATIONS_TABLE);
}

/**
 * Checks that no record table has a reserved name.
 * @throws AppStartError that names all such tables
 */
export function checkRecordNames(schema: Schema, server: ServerTables): void {
  const reserved = reservedNames(server);
  const refused = Object.keys(schema.tables).filter((name) => reserved.has(name));
  if (refused.length === 0) return;
  throw new AppStartError(
    `No record table can be called ${refused.join(', ')}: the server itself has that name in its database. ` +
      'Declare it under another name.',
  );
}
