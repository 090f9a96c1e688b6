import type { PlayerRow } from './records';
import type { Scoresheet } from './scoring';

/** One player's totals in the course of a game. */
export interface Series {
  player: PlayerRow;
  /** The total before the first round, which is 0, and after each one. */
  totals: number[];
}

/** Everyone's totals round by round, in running order; without a score in a round the total stays the same. */
export function seriesOf({ players, rounds }: Scoresheet): Series[] {
  return players.map((player) => {
    const totals = [0];
    for (const round of rounds) totals.push(round.entries.get(player.id)?.total ?? totals.at(-1)!);
    return { player, totals };
  });
}
