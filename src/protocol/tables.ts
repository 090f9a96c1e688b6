import { choice, integer, optionalRef, ref, text, timestamp } from './columns.js';
import { declareSchema, type Tables } from './schema.js';

/**
 * The tables of the synced records, declared once. Entries are append-only: a new table or column takes the next schema
 * version as its `since`. Totals (`current_total`, `total_after`) may be out of date; readers compute them from the
 * scores.
 */
export const tables = {
  games: {
    since: 1,
    columns: {
      name: text({ max: 200, optional: true }),
      target_score: integer({ default: 100 }),
      status: choice(['active', 'finished', 'abandoned'], { default: 'active' }),
      winner_id: optionalRef('game_players'),
      started_at: timestamp(),
      ended_at: timestamp({ optional: true }),
    },
  },
  game_players: {
    since: 1,
    columns: {
      game_id: ref('games'),
      name: text({ max: 200 }),
      position: integer(),
      current_total: integer(),
    },
  },
  rounds: {
    since: 1,
    columns: {
      game_id: ref('games'),
      round_number: integer(),
      caller_id: optionalRef('game_players'),
      created_at: timestamp(),
    },
  },
  scores: {
    since: 1,
    columns: {
      round_id: ref('rounds'),
      player_id: ref('game_players'),
      raw_score: integer(),
      bonus_applied: integer(),
      final_score: integer(),
      total_after: integer(),
    },
  },
} as const satisfies Tables;

/** The server's default declaration. */
export const schema = declareSchema(tables);
