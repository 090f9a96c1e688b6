import { inPieces } from '../../foundation/flow/in-pieces.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { ColumnValue } from '../../protocol/columns.js';
import type { Schema, Table } from '../../protocol/schema.js';
import type { Rejection, Timestamp } from '../../protocol/sync.js';
import { IdSets } from './id-sets.js';
import type { PartialRow, PushedChanges } from './sanitize.js';

/** A stored record; in a tombstone only the id and the stamp have meaning. */
export interface StoredRow {
  id: string;
  last_modified: Timestamp;
  is_deleted: boolean;
  [column: string]: ColumnValue;
}

/** The stored rows with the ids of a push: table → id → row. */
export type StoredRows = Map<string, Map<string, StoredRow>>;

/** A row with every declared column. */
export interface FullRow {
  id: string;
  [column: string]: ColumnValue;
}

/** A pushed row that stays live unless a parent of it is deleted. */
export interface LiveRow {
  row: FullRow;
  /** Whether the stored row is the same already. */
  isStored: boolean;
}

/** What a push does, before the cascade. */
export interface Merge {
  live: Map<string, Map<string, LiveRow>>;
  /** Records to write as tombstones, stored or not; the cascade adds the rows below them. */
  deleted: IdSets;
  /** Tombstones that get a new stamp, so that the device's next pull brings them. */
  restamped: IdSets;
  /** Every pushed record that stays or becomes a tombstone. */
  dead: IdSets;
  rejected: Rejection[];
}

/**
 * Decides row by row what a push changes; it reads and writes nothing else.
 * @param lastPulledAt the clock at the client's last pull; stored rows with `last_modified > lastPulledAt` conflict
 * @throws AppError PUSH_CONFLICT listing every conflicting record (BE push 5)
 */
export async function mergePush(
  schema: Schema,
  pushed: PushedChanges,
  stored: StoredRows,
  lastPulledAt: Timestamp,
): Promise<Merge> {
  const merge: Merge = {
    live: new Map(),
    deleted: new IdSets(),
    restamped: new IdSets(),
    dead: new IdSets(),
    rejected: pushed.refused.slice(),
  };
  const conflicts: { table: string; id: string }[] = [];

  for (const [name, { rows, deleted }] of pushed.tables) {
    const table = schema.tables[name]!;
    const storedHere = stored.get(name);
    const live = new Map<string, LiveRow>();
    merge.live.set(name, live);

    for await (const piece of inPieces(rows))
      for (const [id, { values, isCreated }] of piece) {
        const before = storedHere?.get(id);
        const isStored = before !== undefined && !before.is_deleted && holds(before, values);
        if (before && !isStored && before.last_modified > lastPulledAt) {
          conflicts.push({ table: name, id });
        } else if (before?.is_deleted && !isCreated) {
          // The tombstone is older than the client's last pull, so a pull would not bring it: a 409 would repeat for ever.
          merge.restamped.add(name, id);
          merge.dead.add(name, id);
          merge.rejected.push({ table: name, id, reason: 'DELETED' });
        } else {
          live.set(id, { row: fill(table, id, before, values), isStored });
        }
      }

    for await (const piece of inPieces(deleted))
      for (const id of piece) {
        const before = storedHere?.get(id);
        merge.dead.add(name, id);
        if (before?.is_deleted) continue;
        if (before && before.last_modified > lastPulledAt) conflicts.push({ table: name, id });
        else merge.deleted.add(name, id);
      }
  }

  if (conflicts.length > 0) {
    throw new AppError('PUSH_CONFLICT', {
      detail: `${conflicts.length} of the pushed records changed on the server since the last pull.`,
      conflicts,
    });
  }
  return merge;
}

function holds(stored: StoredRow, values: PartialRow): boolean {
  for (const column in values) {
    if (stored[column] !== values[column]) return false;
  }
  return true;
}

/** Absent columns keep their stored values; in a new row, or one that was deleted, they take their defaults. */
function fill(table: Table, id: string, before: StoredRow | undefined, values: PartialRow): FullRow {
  const row: FullRow = { id };
  for (const [name, column] of Object.entries(table.columns)) {
    if (Object.hasOwn(values, name)) row[name] = values[name]!;
    else row[name] = before && !before.is_deleted ? before[name]! : column.defaultValue;
  }
  return row;
}
