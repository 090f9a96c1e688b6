import { inPieces } from '../../foundation/flow/in-pieces.js';
import type { IdSets } from './id-sets.js';
import type { FullRow, Merge, StoredRows } from './merge.js';

/** How a push changes what an account stores. */
export interface ChangedCounts {
  /** Live records more than before; negative: fewer. */
  live: number;
  /** Tombstones more than before; negative: fewer. */
  tombstones: number;
  /** The tombstones among them of records that the server never stored. */
  unknownTombstones: number;
  /** Whether other devices see any of it. */
  isVisible: boolean;
}

/**
 * Counts what a merged push adds and removes.
 * @param written the rows to write, by table
 * @param deleted the records to write as tombstones
 * @param stored the rows that were stored before; not loaded are live rows that only the cascade reached
 */
export async function countChanges(
  written: ReadonlyMap<string, FullRow[]>,
  deleted: IdSets,
  merge: Merge,
  stored: StoredRows,
): Promise<ChangedCounts> {
  const counts: ChangedCounts = { live: 0, tombstones: 0, unknownTombstones: 0, isVisible: written.size > 0 };
  for (const [name, rows] of written) {
    for await (const piece of inPieces(rows))
      for (const { id } of piece) {
        const before = stored.get(name)?.get(id);
        if (!before || before.is_deleted) counts.live++;
        if (before?.is_deleted) counts.tombstones--;
      }
  }
  for (const [name, ids] of deleted.tables()) {
    for await (const piece of inPieces(ids))
      for (const id of piece) {
        const before = stored.get(name)?.get(id);
        const isUnknown = before === undefined && merge.dead.has(name, id);
        if (before?.is_deleted) continue; // a tombstone that only gets a new stamp
        counts.tombstones++;
        if (isUnknown) counts.unknownTombstones++;
        else {
          counts.live--;
          counts.isVisible = true;
        }
      }
  }
  return counts;
}
