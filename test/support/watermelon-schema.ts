import {
  appSchema,
  Model,
  tableSchema,
  type AppSchema,
  type ColumnSchema,
  type SchemaMigrations,
} from '@nozbe/watermelondb';
import type { AssociationInfo } from '@nozbe/watermelondb/Model/index.js';
import {
  addColumns,
  createTable,
  schemaMigrations,
  type MigrationStep,
} from '@nozbe/watermelondb/Schema/migrations/index.js';
import type { Column } from '../../src/protocol/columns.js';
import { columnsAt, sinceOf, tablesAt, type Schema } from '../../src/protocol/schema.js';

/** What `new Database` and its adapter need for our tables. */
export interface WatermelonSchema {
  schema: AppSchema;
  migrations: SchemaMigrations;
  modelClasses: (typeof Model)[];
}

/**
 * Derives what a WatermelonDB app writes by hand: its schema, its migrations from version 1 on, and its models
 * (without decorators; fields are read and written raw).
 * @param version the schema version the app was released with, the declaration's own by default
 */
export function watermelonSchema(declared: Schema, version = declared.version): WatermelonSchema {
  const tables = tablesAt(declared, version).map(([name, table]) => ({
    name,
    columns: columnsAt(table, version).map(columnSchema),
  }));
  return {
    schema: appSchema({ version, tables: tables.map((table) => tableSchema(table)) }),
    migrations: schemaMigrations({
      migrations: Array.from({ length: version - 1 }, (_, index) => ({
        toVersion: index + 2,
        steps: migrationSteps(declared, index + 2),
      })),
    }),
    modelClasses: tables.map(({ name }) => modelClass(declared, version, name)),
  };
}

function columnSchema([name, column]: [name: string, column: Column]): ColumnSchema {
  return { name, type: column.type, isOptional: column.optional, isIndexed: column.references !== undefined };
}

function migrationSteps(declared: Schema, version: number): MigrationStep[] {
  return tablesAt(declared, version).flatMap(([name, table]): MigrationStep[] => {
    const added = columnsAt(table, version).filter(([, column]) => sinceOf(table, column) === version);
    if (table.since === version) return [createTable({ name, columns: added.map(columnSchema) })];
    return added.length === 0 ? [] : [addColumns({ table: name, columns: added.map(columnSchema) })];
  });
}

/** A model with the associations of the declared references. */
function modelClass(declared: Schema, version: number, tableName: string): typeof Model {
  const associations: Record<string, AssociationInfo> = {};
  for (const [name, table] of tablesAt(declared, version)) {
    for (const [key, column] of columnsAt(table, version)) {
      if (column.references === tableName && column.isParent) {
        associations[name] = { type: 'has_many', foreignKey: key };
      } else if (name === tableName && column.references !== undefined && column.isParent) {
        associations[column.references] = { type: 'belongs_to', key };
      }
    }
  }
  return class extends Model {
    static override table = tableName;
    static override associations = associations;
  };
}
