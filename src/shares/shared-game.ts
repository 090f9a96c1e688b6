import type { Schema } from '../protocol/schema.js';
import { ownershipsOf, type Ownership } from '../sync/push/cascade.js';

/** The table whose rows can be shared. */
export const SHARED_TABLE = 'games';

/** A table to be read for a shared game; owners come before what they own. */
export interface SharedPart {
  table: string;
  /** How its rows are found; empty for the game itself. */
  ownedBy: Ownership[];
}

/** The game and the tables it owns, directly or not; empty when no such table is declared. */
export function partsOfSharedGame(schema: Schema): SharedPart[] {
  if (!Object.hasOwn(schema.tables, SHARED_TABLE)) return [];
  const ownerships = ownershipsOf(schema);
  const below = new Set([SHARED_TABLE]);
  // Tables added to the set while it is iterated are visited, too.
  for (const owner of below) {
    for (const { table } of ownerships.filter((ownership) => ownership.owner === owner)) below.add(table);
  }
  const parts: SharedPart[] = [];
  const isRead = (name: string) => parts.some(({ table }) => table === name);
  while (parts.length < below.size) {
    const left = [...below].filter((table) => !isRead(table));
    const ownedBy = (table: string) =>
      ownerships.filter((ownership) => ownership.table === table && below.has(ownership.owner));
    // Tables that own each other in a circle have no first one: any will do.
    const next = left.find((table) => ownedBy(table).every(({ owner }) => isRead(owner))) ?? left[0]!;
    parts.push({ table: next, ownedBy: next === SHARED_TABLE ? [] : ownedBy(next) });
  }
  return parts;
}
