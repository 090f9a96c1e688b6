import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { Column, Dialect } from '../../protocol/columns.js';
import { columnsAt, sinceOf, type Schema, type Table } from '../../protocol/schema.js';
import { literal, recordIndexes } from './entities.js';
import type { ServerTables } from './server-tables.js';

/** Schema version n of the records is migration FIRST_MIGRATION + n; TypeORM orders by the 13 digits that end a name. */
export const FIRST_MIGRATION = 1_790_000_000_000;

/** The migrations of the server's own tables, and one per schema version of the records; TypeORM sorts them. */
export function migrations(
  dialect: Dialect,
  schema: Schema,
  server: ServerTables,
): (new () => MigrationInterface)[] {
  const versions = Array.from({ length: schema.version }, (_, index) => index + 1);
  return [
    ...server.migrations.map(({ name, statements }) => migration(name, statements(dialect))),
    ...versions.map((version) =>
      migration(`Records${FIRST_MIGRATION + version}`, recordStatements(dialect, schema, version)),
    ),
  ];
}

function migration(name: string, statements: string[]): new () => MigrationInterface {
  return class implements MigrationInterface {
    name = name;

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements) await runner.query(statement);
    }

    down(): Promise<void> {
      throw new Error('Migrations only go forward; restore a backup instead.');
    }
  };
}

const collated = (dialect: Dialect) => (dialect === 'postgres' ? 'text COLLATE "C"' : 'text');
const bigint = (dialect: Dialect) => (dialect === 'postgres' ? 'bigint' : 'integer');

function recordStatements(dialect: Dialect, schema: Schema, version: number): string[] {
  return Object.entries(schema.tables).flatMap(([name, table]) => {
    if (table.since === version) return createTable(dialect, name, table);
    if (table.since < version) return addColumns(dialect, name, table, version);
    return [];
  });
}

function createTable(dialect: Dialect, name: string, table: Table): string[] {
  const first = Object.fromEntries(columnsAt(table, table.since));
  const columns = Object.entries(first).map(([column, declared]) =>
    columnDefinition(dialect, column, declared),
  );
  const id = collated(dialect);
  return [
    `CREATE TABLE "${name}" ("account_id" ${id} NOT NULL, "id" ${id} NOT NULL,
       "last_modified" ${bigint(dialect)} NOT NULL, "is_deleted" boolean NOT NULL, ${columns.join(', ')},
       PRIMARY KEY ("account_id", "id"))${dialect === 'sqlite' ? ' WITHOUT ROWID' : ''}`,
    ...createIndexes(name, { ...table, columns: first }),
  ];
}

function addColumns(dialect: Dialect, name: string, table: Table, version: number): string[] {
  const added = Object.entries(table.columns).filter(([, column]) => sinceOf(table, column) === version);
  const before = createIndexes(name, {
    ...table,
    columns: Object.fromEntries(columnsAt(table, version - 1)),
  });
  const after = createIndexes(name, { ...table, columns: Object.fromEntries(columnsAt(table, version)) });
  return [
    ...added.map(([column, declared]) => {
      const definition = columnDefinition(dialect, column, declared);
      const fill = declared.optional ? '' : ` DEFAULT ${literal(declared.defaultValue)}`;
      return `ALTER TABLE "${name}" ADD COLUMN ${definition}${fill}`;
    }),
    ...after.filter((statement) => !before.includes(statement)),
  ];
}

function createIndexes(name: string, table: Table): string[] {
  return recordIndexes(name, table).map((index) => {
    const columns = index.columns.map((column) => `"${column}"`).join(', ');
    const where = index.where ? ` WHERE ${index.where}` : '';
    return `CREATE INDEX "${index.name}" ON "${name}" (${columns})${where}`;
  });
}

function columnDefinition(dialect: Dialect, name: string, column: Column): string {
  const collation = dialect === 'postgres' && column.references ? ' COLLATE "C"' : '';
  return `"${name}" ${column.sqlType[dialect]}${collation}${column.optional ? '' : ' NOT NULL'}`;
}
