import { Q, type Database, type Model } from '@nozbe/watermelondb';
import { isUnsynced, type SyncedTables } from './synced-tables.js';

// A replacement destroys every local row that the server does not have, unless the row is marked as created. The marks
// set here decide which rows survive. Where the server has the row too, the columns in `_changed` keep the local value.

/**
 * Marks all unsynced rows and their parents as created, so that a replacement keeps them. Queue the replacing write
 * directly behind this one: an edit in between would not be marked.
 */
export function keepUnsynced(database: Database, tables: SyncedTables): Promise<void> {
  return database.write(async () => {
    const rows = await readAll(database, tables);
    const kept = new Set([...rows.values()].filter(isUnsynced));
    // The loop also visits what it adds.
    for (const record of kept) {
      for (const { key, parentTable } of tables.parentsOf(record.table)) {
        const parent = rows.get(keyOf(parentTable, record._getRaw(key) as string));
        if (parent) kept.add(parent);
      }
    }
    const marked = [...kept].filter((record) => record._raw._status !== 'created');
    await database.batch(marked.map((record) => prepareMark(record, record._raw._changed)));
  }, 'keep what is unsynced');
}

/**
 * Marks every row as created, so that all of them are pushed.
 * @param isOursNewer where the server has the row too: true, all local columns win; false, only those edited here
 */
export function markAllCreated(
  database: Database,
  tables: SyncedTables,
  { isOursNewer }: { isOursNewer: boolean },
): Promise<void> {
  return database.write(async () => {
    const rows = await readAll(database, tables);
    const marked = [...rows.values()].map((record) => {
      const all = tables.columnsOf(record.table).join(',');
      return prepareMark(record, isOursNewer ? all : record._raw._changed);
    });
    await database.batch(marked);
  }, 'mark everything as created');
}

/** Destroys unsynced rows whose parent is gone, and then theirs. @returns how many of each table */
export async function dropOrphans(database: Database, tables: SyncedTables): Promise<Record<string, number>> {
  return database.write(async () => {
    const rows = await readAll(database, tables);
    // A row that names no parent has lost none: rows older than a reference's column have an empty text in it.
    const isGone = (table: string, id: unknown): boolean =>
      Boolean(id) && !rows.has(keyOf(table, id as string));
    const isOrphan = (record: Model): boolean =>
      isUnsynced(record) &&
      tables.parentsOf(record.table).some(({ key, parentTable }) => isGone(parentTable, record._getRaw(key)));
    const orphans: Model[] = [];
    const dropped: Record<string, number> = {};
    let found: Model[];
    do {
      found = [...rows.values()].filter(isOrphan);
      for (const record of found) {
        rows.delete(keyOf(record.table, record.id));
        dropped[record.table] = (dropped[record.table] ?? 0) + 1;
      }
      orphans.push(...found);
    } while (found.length > 0);
    await database.batch(orphans.map((record) => record.prepareDestroyPermanently()));
    return dropped;
  }, 'drop what nobody owns');
}

/** Destroys every row, and forgets every deletion not pushed yet. */
export function eraseAll(database: Database, tables: SyncedTables): Promise<void> {
  return database.write(async () => {
    const rows = await readAll(database, tables);
    await database.batch([...rows.values()].map((record) => record.prepareDestroyPermanently()));
    for (const table of tables.names) {
      const deleted = await database.adapter.getDeletedRecords(table);
      if (deleted.length > 0) await database.adapter.destroyDeletedRecords(table, deleted);
    }
  }, 'erase everything');
}

/** Whether the synced tables have any row. */
export async function hasRows(database: Database, tables: SyncedTables): Promise<boolean> {
  for (const table of tables.names) {
    if ((await database.get(table).query(Q.take(1)).fetchCount()) > 0) return true;
  }
  return false;
}

async function readAll(database: Database, tables: SyncedTables): Promise<Map<string, Model>> {
  const rows = new Map<string, Model>();
  for (const table of tables.names) {
    for (const record of await database.get(table).query().fetch()) rows.set(keyOf(table, record.id), record);
  }
  return rows;
}

function prepareMark(record: Model, changed: string): Model {
  return record.prepareUpdate(() => {
    record._raw._status = 'created';
    record._raw._changed = changed;
  });
}

function keyOf(table: string, id: string): string {
  return `${table}/${id}`;
}
