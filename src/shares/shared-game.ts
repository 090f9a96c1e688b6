import type { Schema } from '../protocol/schema.js';
import { owningReferencesOf, type OwningReference } from '../sync/push/cascade.js';

/** The table whose rows can be shared. */
export const SHARED_TABLE = 'games';

/** A table to read for a shared game; tables of parents come first. */
export interface SharedPart {
  table: string;
  /** The references by which its rows are found; empty for the game itself. */
  parents: OwningReference[];
}

/** The table of games and all tables below it; empty when no such table is declared. */
export function partsOfSharedGame(schema: Schema): SharedPart[] {
  if (!Object.hasOwn(schema.tables, SHARED_TABLE)) return [];
  const owningReferences = owningReferencesOf(schema);
  const below = new Set([SHARED_TABLE]);
  // A table added to the set during the iteration is visited too.
  for (const parent of below) {
    for (const { table } of owningReferences.filter((reference) => reference.parent === parent))
      below.add(table);
  }
  const parts: SharedPart[] = [];
  const isRead = (name: string) => parts.some(({ table }) => table === name);
  while (parts.length < below.size) {
    const left = [...below].filter((table) => !isRead(table));
    const parents = (table: string) =>
      owningReferences.filter((reference) => reference.table === table && below.has(reference.parent));
    // Tables that own each other in a circle have no first one; any will do.
    const next = left.find((table) => parents(table).every(({ parent }) => isRead(parent))) ?? left[0]!;
    parts.push({ table: next, parents: next === SHARED_TABLE ? [] : parents(next) });
  }
  return parts;
}
