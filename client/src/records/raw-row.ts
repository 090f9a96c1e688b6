import type { Model } from '@nozbe/watermelondb';
import type { DirtyRaw } from '@nozbe/watermelondb/RawRecord/index.js';
import type { Column, ColumnValue } from '../../../src/protocol/columns.js';
import { schema } from '../../../src/protocol/tables.js';

/** Local changes as WatermelonDB hands them over; its own type cannot be indexed by table. */
export type LocalChanges = Record<string, { created: DirtyRaw[]; updated: DirtyRaw[]; deleted: string[] }>;

/** Ids by table. */
export type IdsByTable = Record<string, string[]>;

/** The names of the synced tables, parents before their children. */
export const TABLES: readonly string[] = Object.keys(schema.tables);

/** The declared columns of a table. */
export function columnsOf(table: string): [name: string, column: Column][] {
  return Object.entries(schema.tables[table]?.columns ?? {});
}

/** The references of a table's rows to their parents. */
export function ownersOf(table: string): { key: string; ownerTable: string }[] {
  return columnsOf(table).flatMap(([key, column]) =>
    column.isParent && column.references !== undefined ? [{ key, ownerTable: column.references }] : [],
  );
}

/** A row's declared columns as one text, for comparison; without WatermelonDB's own fields. */
export function contentOf(table: string, raw: DirtyRaw): string {
  return JSON.stringify(columnsOf(table).map(([name]) => raw[name] as ColumnValue));
}

/** Whether a record has changes that the server has not acknowledged. */
export function isUnsynced(record: Model): boolean {
  return record._raw._status !== 'synced';
}
