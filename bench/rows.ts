import { game, player, round, score } from '../test/support/records.js';

// Records of an evening of cards: each game has 5 players and 20 rounds, each round one score per player.

export const PLAYERS = 5;
export const ROUNDS = 20;
/** The number of rows of a whole game. */
export const ROWS_A_GAME = 1 + PLAYERS + ROUNDS + ROUNDS * PLAYERS;

/** The number of whole games with at least `rows` rows. */
export function gamesFor(rows: number): number {
  return Math.ceil(rows / ROWS_A_GAME);
}

/** Consecutive numbers multiplied by this (and cut to 32 bits) scatter like the random ids of clients. */
export const SCATTER = 2_654_435_761;

/** Rows by table; tables of parents come first. */
export type RowsByTable = Record<string, { id: string; [column: string]: string | number | null }[]>;

/**
 * Whole games with ids of 16 characters.
 * @param run up to 7 characters; different runs give different ids
 */
export function makeGames(count: number, run: string): RowsByTable {
  const id = (letter: string, n: number): string =>
    `${letter}${run.padStart(7, '0')}${(Math.imul(n, SCATTER) >>> 0).toString(16).padStart(8, '0')}`;
  const numbers = (length: number): number[] => Array.from({ length }, (_, n) => n);
  const whole = Math.floor;
  return {
    games: numbers(count).map((n) => game(id('g', n))),
    game_players: numbers(count * PLAYERS).map((n) =>
      player(id('p', n), id('g', whole(n / PLAYERS)), {
        name: `Player ${n % PLAYERS}`,
        position: n % PLAYERS,
      }),
    ),
    rounds: numbers(count * ROUNDS).map((n) =>
      round(id('r', n), id('g', whole(n / ROUNDS)), { round_number: (n % ROUNDS) + 1 }),
    ),
    scores: numbers(count * ROUNDS * PLAYERS).map((n) =>
      score(
        id('s', n),
        id('r', whole(n / PLAYERS)),
        id('p', whole(n / (ROUNDS * PLAYERS)) * PLAYERS + (n % PLAYERS)),
        {
          raw_score: n % 50,
          final_score: n % 50,
          total_after: n % 500,
        },
      ),
    ),
  };
}

/** The body of a push that creates these rows. */
export function pushBody(rows: RowsByTable, lastPulledAt: number): string {
  const changes = Object.fromEntries(
    Object.entries(rows).map(([table, created]) => [table, { created, updated: [], deleted: [] }]),
  );
  return JSON.stringify({ changes, last_pulled_at: lastPulledAt });
}

/** The same rows as documents for the peer. */
export function documents(rows: RowsByTable): Record<string, unknown>[] {
  return Object.entries(rows).flatMap(([table, list]) =>
    list.map(({ id, ...fields }) => ({ _id: `${table}:${id}`, ...fields })),
  );
}

/** The number of rows in all tables. */
export function countRows(rows: RowsByTable): number {
  return Object.values(rows).reduce((sum, { length }) => sum + length, 0);
}
