import type { Column, ColumnValue } from './columns.js';
import { sinceOf, type Schema } from './schema.js';

// The declaration as plain data. `GET /sync/meta` answers it, so that apps can compare theirs with it, and the database
// keeps it, so that the next start can.

/** A declared column. */
export interface DescribedColumn {
  kind: Column['kind'];
  since: number;
  optional: boolean;
  default: ColumnValue;
  /** The longest text, in UTF-16 units. */
  max?: number;
  /** The only texts that the column may hold. */
  values?: readonly string[];
  /** The table whose rows the column points to. */
  references?: string;
}

/** A declared table. */
export interface DescribedTable {
  since: number;
  columns: Record<string, DescribedColumn>;
}

/** The declared tables by name. */
export function describeTables({ tables }: Schema): Record<string, DescribedTable> {
  const entries = Object.entries(tables).map(([name, table]): [string, DescribedTable] => {
    const columns = Object.entries(table.columns).map(([column, declared]): [string, DescribedColumn] => [
      column,
      {
        kind: declared.kind,
        since: sinceOf(table, declared),
        optional: declared.optional,
        default: declared.defaultValue,
        max: declared.maxLength,
        values: declared.values,
        references: declared.references,
      },
    ]);
    return [name, { since: table.since, columns: Object.fromEntries(columns) }];
  });
  return Object.fromEntries(entries);
}
