import { game, player, round } from '../support/records.js';
import type { Changes, Ledger, RawRow } from './ledger.js';
import type { Random } from './random.js';

/** One push of a client that is not WatermelonDB, with its `last_pulled_at`. */
export interface Stranger {
  what: string;
  changes: Changes;
  lastPulledAt: number;
}

type Trick = (
  ledger: Ledger,
  random: Random,
  known: string[],
) => { table: string; created?: RawRow[]; updated?: RawRow[]; deleted?: string[] } | undefined;

/** Pushes that the contract allows and that real phones hardly ever send. */
const tricks: Record<string, Trick> = {
  'a row with one column': (ledger, random) => {
    const row = anyOf(random, ledger.live('games'));
    return row && { table: 'games', updated: [{ id: row.id, target_score: random.integer(1, 999) }] };
  },
  'a new row with one column, as an update': (_ledger, random) => ({
    table: 'games',
    updated: [{ id: random.id(), name: `Only a name ${random.integer(1, 99)}` }],
  }),
  'the same row again': (ledger, random) => {
    const row = anyOf(random, ledger.live('rounds'));
    return row && { table: 'rounds', updated: [row] };
  },
  'an update of a deleted row': (ledger, random) => {
    const id = anyOf(random, ledger.deleted('games'));
    return id === undefined ? undefined : { table: 'games', updated: [game(id, { name: 'Still here?' })] };
  },
  'a deleted player made anew': (ledger, random) => {
    const id = anyOf(random, ledger.deleted('game_players'));
    const owner = anyOf(random, [...ledger.live('games').map((row) => row.id), ...ledger.deleted('games')]);
    if (id === undefined || owner === undefined) return undefined;
    return { table: 'game_players', created: [player(id, owner, { name: 'Anew' })] };
  },
  'a child of a deleted game': (ledger, random) => {
    const owner = anyOf(random, ledger.deleted('games'));
    return owner === undefined ? undefined : { table: 'rounds', created: [round(random.id(), owner)] };
  },
  'a child whose game nobody knows yet': (_ledger, random, known) => {
    const owner = random.id();
    known.push(owner);
    return { table: 'rounds', created: [round(random.id(), owner)] };
  },
  'the game that was missing': (_ledger, random, known) => {
    const id = known.length > 0 ? known.splice(random.integer(0, known.length - 1), 1)[0] : undefined;
    return id === undefined ? undefined : { table: 'games', created: [game(id, { name: 'Late parent' })] };
  },
  'the deletion of a row that nobody knows': (_ledger, random, known) => ({
    table: 'games',
    deleted: [known.length > 0 && random.chance(0.5) ? random.pick(known) : random.id()],
  }),
  'a deletion': (ledger, random) => {
    const row = anyOf(random, ledger.live('scores'));
    return row && { table: 'scores', deleted: [row.id] };
  },
};

/** A push of one to three such tricks, based on the newest pull or an old one. */
export function strangePush(
  ledger: Ledger,
  random: Random,
  oldClocks: number[],
  known: string[],
): Stranger | undefined {
  const changes: Record<string, { created: RawRow[]; updated: RawRow[]; deleted: string[] }> = {};
  const what: string[] = [];
  const used = new Set<string>();
  for (let count = random.integer(1, 3); count > 0; count -= 1) {
    const name = random.pick(Object.keys(tricks));
    const part = tricks[name]?.(ledger, random, known);
    const ids = [...(part?.created ?? []), ...(part?.updated ?? [])]
      .map((row) => row.id)
      .concat(part?.deleted ?? []);
    // The conformance tests cover pushes that name an id twice.
    if (!part || ids.some((id) => used.has(id))) continue;
    for (const id of ids) used.add(id);
    const all = (changes[part.table] ??= { created: [], updated: [], deleted: [] });
    all.created.push(...(part.created ?? []));
    all.updated.push(...(part.updated ?? []));
    all.deleted.push(...(part.deleted ?? []));
    what.push(name);
  }
  if (what.length === 0) return undefined;
  const isStale = oldClocks.length > 0 && random.chance(0.3);
  return { what: what.join(' + '), changes, lastPulledAt: isStale ? random.pick(oldClocks) : ledger.clock };
}

function anyOf<T>(random: Random, list: T[]): T | undefined {
  return list.length === 0 ? undefined : random.pick(list);
}
