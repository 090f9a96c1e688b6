import { appSchema, tableSchema, type AppSchema, type ColumnSchema } from '@nozbe/watermelondb';
import {
  addColumns,
  createTable,
  schemaMigrations,
  type MigrationStep,
  type SchemaMigrations,
} from '@nozbe/watermelondb/Schema/migrations/index.js';
import type { Column } from '../../../src/protocol/columns.js';
import { columnsAt, parentsOf, sinceOf, tablesAt, type Schema } from '../../../src/protocol/schema.js';
import { schema as declared } from '../../../src/protocol/tables.js';

/** WatermelonDB's schema for a declaration at one schema version (default: the newest). */
export function schemaOf(declaration: Schema, version = declaration.version): AppSchema {
  const tables = tablesAt(declaration, version).map(([name, table]) =>
    tableSchema({ name, columns: columnsAt(table, version).map(columnSchema) }),
  );
  return appSchema({ version, tables });
}

/** WatermelonDB's migrations for a declaration, from schema version 1 to the given one. */
export function migrationsOf(declaration: Schema, version = declaration.version): SchemaMigrations {
  const versions = Array.from({ length: version - 1 }, (_, index) => index + 2);
  return schemaMigrations({
    migrations: versions.map((toVersion) => ({ toVersion, steps: stepsTo(declaration, toVersion) })),
  });
}

/** The tables and columns of the local database, derived from what the server declares. */
export const schema = schemaOf(declared);

/** By table, the columns that refer to parents: a row is deleted with them. */
export const parents = parentsOf(declared);

/** The migrations from an older release's database to this release's. */
export const migrations = migrationsOf(declared);

function columnSchema([name, column]: [name: string, column: Column]): ColumnSchema {
  return { name, type: column.type, isOptional: column.optional, isIndexed: column.references !== undefined };
}

function stepsTo(declaration: Schema, version: number): MigrationStep[] {
  return tablesAt(declaration, version).flatMap(([name, table]): MigrationStep[] => {
    const added = columnsAt(table, version).filter(([, column]) => sinceOf(table, column) === version);
    if (added.length === 0) return [];
    const columns = added.map(columnSchema);
    return [table.since === version ? createTable({ name, columns }) : addColumns({ table: name, columns })];
  });
}
