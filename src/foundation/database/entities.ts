import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';
import type { Column, ColumnValue, Dialect } from '../../protocol/columns.js';
import { sinceOf, type Schema, type Table } from '../../protocol/schema.js';
import { serverEntity, tablesOn, type ServerTables } from './server-tables.js';

type ColumnMap = Record<string, EntitySchemaColumnOptions>;

const idText = (dialect: Dialect): EntitySchemaColumnOptions =>
  dialect === 'postgres' ? { type: 'text', collation: 'C' } : { type: 'text' };

const bigint = (dialect: Dialect): EntitySchemaColumnOptions => ({
  type: dialect === 'postgres' ? 'bigint' : 'integer',
});

/** The indexes of a record table; all start with the account, so that tables can be distributed by account. */
export function recordIndexes(
  name: string,
  table: Table,
): { name: string; columns: string[]; where?: string }[] {
  const parents = Object.entries(table.columns).filter(([, column]) => column.isParent);
  return [
    { name: `${name}_by_change`, columns: ['account_id', 'last_modified', 'id'] },
    { name: `${name}_tombstones`, columns: ['account_id', 'last_modified', 'id'], where: 'is_deleted' },
    ...parents.map(([column]) => ({ name: `${name}_by_${column}`, columns: ['account_id', column] })),
  ];
}

/** The default of a column added in a later version, which existing rows need. */
function sqlDefault(table: Table, column: Column): EntitySchemaColumnOptions['default'] {
  if (sinceOf(table, column) === table.since || column.optional) return undefined;
  const value = column.defaultValue;
  // TypeORM quotes a text default without escaping it, and compares a number only if it is passed as a number.
  return typeof value === 'string' ? () => literal(value) : value;
}

/** A value as SQL literal. */
export function literal(value: ColumnValue): string {
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
}

function recordColumn(dialect: Dialect, table: Table, column: Column): EntitySchemaColumnOptions {
  return {
    type: column.sqlType[dialect] as EntitySchemaColumnOptions['type'],
    nullable: column.optional,
    collation: dialect === 'postgres' && column.references ? 'C' : undefined,
    default: sqlDefault(table, column),
  };
}

function recordEntity(dialect: Dialect, name: string, table: Table): EntitySchema {
  const columns: ColumnMap = {
    account_id: { ...idText(dialect), primary: true },
    id: { ...idText(dialect), primary: true },
    last_modified: bigint(dialect),
    is_deleted: { type: 'boolean' },
  };
  for (const [columnName, column] of Object.entries(table.columns)) {
    columns[columnName] = recordColumn(dialect, table, column);
  }
  return new EntitySchema({
    name,
    columns,
    withoutRowid: dialect === 'sqlite',
    indices: recordIndexes(name, table),
  });
}

/** TypeORM's entities for the server's own tables and for every declared table. */
export function entities(dialect: Dialect, schema: Schema, server: ServerTables): EntitySchema[] {
  const own = tablesOn(dialect, server).map((table) => serverEntity(dialect, table));
  const records = Object.entries(schema.tables).map(([name, table]) => recordEntity(dialect, name, table));
  return [...own, ...records];
}
