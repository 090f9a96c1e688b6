import { boolean, integer, optionalRef, text } from '../../src/protocol/columns.js';
import { declareSchema, type Row } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';

export type Game = Row<typeof tables.games>;
export type Player = Row<typeof tables.game_players>;
export type Round = Row<typeof tables.rounds>;
export type Score = Row<typeof tables.scores>;

/** A row as a test reads it from an answer. */
export type AnyRow = { id: string } & Record<string, unknown>;

/** One table of a changes object. */
export interface TableChanges<R = unknown, D = unknown> {
  created: R[];
  updated: R[];
  deleted: D[];
}

/** The names of the declared tables, parents first. */
export const tableNames = Object.keys(tables);

const STARTED_AT = 1_790_000_000_000;

/** A whole game row, exactly as the server returns it. */
export function game(id: string, fields: Partial<Game> = {}): Game {
  return {
    id,
    name: 'Friday evening',
    target_score: 100,
    status: 'active',
    winner_id: null,
    started_at: STARTED_AT,
    ended_at: null,
    ...fields,
  };
}

/** A whole game_players row. */
export function player(id: string, gameId: string, fields: Partial<Player> = {}): Player {
  return { id, game_id: gameId, name: 'Ada', position: 0, current_total: 0, ...fields };
}

/** A whole rounds row. */
export function round(id: string, gameId: string, fields: Partial<Round> = {}): Round {
  return {
    id,
    game_id: gameId,
    round_number: 1,
    caller_id: null,
    created_at: STARTED_AT + 60_000,
    ...fields,
  };
}

/** A whole scores row. */
export function score(id: string, roundId: string, playerId: string, fields: Partial<Score> = {}): Score {
  return {
    id,
    round_id: roundId,
    player_id: playerId,
    raw_score: 7,
    bonus_applied: 0,
    final_score: 7,
    total_after: 7,
    ...fields,
  };
}

/** A changes object in which missing arrays are empty. */
export function changes(partial: Record<string, Partial<TableChanges>>): Record<string, TableChanges> {
  return Object.fromEntries(
    Object.entries(partial).map(([table, rows]) => [
      table,
      { created: [], updated: [], deleted: [], ...rows },
    ]),
  );
}

/** A changes object that creates the given rows. */
export function creating(rows: Record<string, readonly unknown[]>): Record<string, TableChanges> {
  return changes(
    Object.fromEntries(Object.entries(rows).map(([table, created]) => [table, { created: [...created] }])),
  );
}

/** A changes object that updates the given rows. */
export function updating(rows: Record<string, readonly unknown[]>): Record<string, TableChanges> {
  return changes(
    Object.fromEntries(Object.entries(rows).map(([table, updated]) => [table, { updated: [...updated] }])),
  );
}

/** A changes object that deletes the given ids. */
export function deleting(ids: Record<string, readonly unknown[]>): Record<string, TableChanges> {
  return changes(
    Object.fromEntries(Object.entries(ids).map(([table, deleted]) => [table, { deleted: [...deleted] }])),
  );
}

/** A game under way: two players, one round, a score for each player; every id starts with `prefix`. */
export function evening(prefix: string) {
  return {
    games: [game(`${prefix}-game`)],
    game_players: [
      player(`${prefix}-ada`, `${prefix}-game`),
      player(`${prefix}-bob`, `${prefix}-game`, { name: 'Bob', position: 1 }),
    ],
    rounds: [round(`${prefix}-round`, `${prefix}-game`)],
    scores: [
      score(`${prefix}-score-ada`, `${prefix}-round`, `${prefix}-ada`),
      score(`${prefix}-score-bob`, `${prefix}-round`, `${prefix}-bob`, {
        raw_score: 3,
        final_score: 3,
        total_after: 3,
      }),
    ],
  };
}

/** `count` games, ids `<prefix>0` upwards. */
export function games(count: number, prefix = 'g'): Game[] {
  return Array.from({ length: count }, (_, index) => game(`${prefix}${index}`));
}

/**
 * The declaration one schema version later: one more table, and in `games` more columns of every kind, optional or not,
 * with WatermelonDB's null value or another one as default.
 */
export const secondSchema = declareSchema({
  ...tables,
  games: {
    since: 1,
    columns: {
      ...tables.games.columns,
      note: text({ since: 2 }),
      referee: text({ since: 2, optional: true }),
      table_number: integer({ since: 2 }),
      minutes_a_turn: integer({ since: 2, default: 2 }),
      is_ranked: boolean({ since: 2 }),
      venue_id: optionalRef('venues', { since: 2 }),
    },
  },
  venues: { since: 2, columns: { name: text() } },
});
