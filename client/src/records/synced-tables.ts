import type { AppSchema, Model } from '@nozbe/watermelondb';
import type { DirtyRaw } from '@nozbe/watermelondb/RawRecord/index.js';

/** Local changes as WatermelonDB hands them over; its own type cannot be indexed by table. */
export type LocalChanges = Record<string, { created: DirtyRaw[]; updated: DirtyRaw[]; deleted: string[] }>;

/** Ids by table. */
export type IdsByTable = Record<string, string[]>;

/**
 * By table, the columns that refer to a row's parents, each with the parent's table: `{ scores: { round_id: 'rounds' } }`.
 * A row is deleted with any of its parents.
 */
export type Parents = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** The tables of the local database: WatermelonDB syncs all of them. */
export class SyncedTables {
  readonly names: readonly string[];

  /** @throws Error if `parents` names a table or a column that the schema lacks */
  constructor(
    private readonly schema: AppSchema,
    private readonly parents: Parents,
  ) {
    this.names = Object.keys(schema.tables);
    for (const [table, columns] of Object.entries(parents)) {
      for (const [column, parent] of Object.entries(columns)) {
        if (schema.tables[table]?.columns[column] && schema.tables[parent]) continue;
        throw new Error(
          `parents: ${table}.${column} → ${parent} names a table or column that is not in the schema.`,
        );
      }
    }
  }

  columnsOf(table: string): string[] {
    return this.schema.tables[table]?.columnArray.map(({ name }) => name) ?? [];
  }

  /** The references of a table's rows to their parents. */
  parentsOf(table: string): { key: string; parentTable: string }[] {
    return Object.entries(this.parents[table] ?? {}).map(([key, parentTable]) => ({ key, parentTable }));
  }

  /** A row's columns as one text, for comparison; without WatermelonDB's own fields. */
  contentOf(table: string, raw: DirtyRaw): string {
    return JSON.stringify(this.columnsOf(table).map((name) => raw[name] as unknown));
  }
}

/** Whether a record has changes that the server has not acknowledged. */
export function isUnsynced(record: Model): boolean {
  return record._raw._status !== 'synced';
}
