import { AppError } from '../../foundation/errors/app-error.js';
import type { ColumnValue } from '../../protocol/columns.js';
import type { Schema, Table } from '../../protocol/schema.js';
import type { Rejection, Timestamp } from '../../protocol/sync.js';
import { IdSets } from './id-sets.js';
import type { PartialRow, PushedChanges } from './sanitize.js';

/** A record as the server has it; of a deleted one only the id and the stamp mean anything. */
export interface StoredRow {
  id: string;
  last_modified: Timestamp;
  is_deleted: boolean;
  [column: string]: ColumnValue;
}

/** The stored rows behind the ids of a push: table → id → row. */
export type StoredRows = Map<string, Map<string, StoredRow>>;

/** A row with every declared column. */
export interface FullRow {
  id: string;
  [column: string]: ColumnValue;
}

/** A pushed row that is to live, unless an parent of it is deleted. */
export interface LiveRow {
  row: FullRow;
  /** Whether the server has exactly this already. */
  isStored: boolean;
}

/** What a push does, before the cascade. */
export interface Merge {
  live: Map<string, Map<string, LiveRow>>;
  /** Records to be written as tombstones, known or not; the cascade adds those below them. */
  deleted: IdSets;
  /** Tombstones that get a new stamp, so that the pusher's next pull brings them. */
  restamped: IdSets;
  /** Every pushed record that stays or becomes a tombstone. */
  dead: IdSets;
  rejected: Rejection[];
}

/**
 * Decides a push against what is stored: pure, the rules of `records.md` row by row.
 * @param lastPulledAt what the client has seen; later stamps are conflicts (strictly: `last_modified > lpa`)
 * @throws AppError PUSH_CONFLICT listing every conflicting record (BE push 5)
 */
export function mergePush(
  schema: Schema,
  pushed: PushedChanges,
  stored: StoredRows,
  lastPulledAt: Timestamp,
): Merge {
  const merge: Merge = {
    live: new Map(),
    deleted: new IdSets(),
    restamped: new IdSets(),
    dead: new IdSets(),
    rejected: [...pushed.refused],
  };
  const conflicts: { table: string; id: string }[] = [];

  for (const [name, { rows, deleted }] of pushed.tables) {
    const table = schema.tables[name]!;
    const storedHere = stored.get(name);
    const live = new Map<string, LiveRow>();
    merge.live.set(name, live);

    for (const [id, { values, isCreated }] of rows) {
      const before = storedHere?.get(id);
      const isStored = before !== undefined && !before.is_deleted && holds(before, values);
      if (before && !isStored && before.last_modified > lastPulledAt) {
        conflicts.push({ table: name, id });
      } else if (before?.is_deleted && !isCreated) {
        // Deleted before the client's last pull, so it should have known: a 409 would come back for ever.
        merge.restamped.add(name, id);
        merge.dead.add(name, id);
        merge.rejected.push({ table: name, id, reason: 'DELETED' });
      } else {
        live.set(id, { row: fill(table, id, before, values), isStored });
      }
    }

    for (const id of deleted) {
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

/** Absent columns keep what is stored; of a new (or once deleted) row they take their defaults. */
function fill(table: Table, id: string, before: StoredRow | undefined, values: PartialRow): FullRow {
  const row: FullRow = { id };
  for (const [name, column] of Object.entries(table.columns)) {
    if (Object.hasOwn(values, name)) row[name] = values[name]!;
    else row[name] = before && !before.is_deleted ? before[name]! : column.defaultValue;
  }
  return row;
}
