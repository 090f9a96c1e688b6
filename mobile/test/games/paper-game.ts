import type { GameRecords } from '../../src/games/records';

/** A game from lists of points, one list per round, in seat order. Ids are p0…, r0…, s0-0…. */
export function paperGame({
  target = 100,
  players,
  rounds,
}: {
  target?: number;
  players: string[];
  rounds: number[][];
}): GameRecords {
  return {
    game: {
      id: 'g',
      name: 'Friday',
      target_score: target,
      status: 'active',
      winner_id: null,
      started_at: 1,
      ended_at: null,
    },
    players: players.map((name, position) => ({
      id: `p${position}`,
      game_id: 'g',
      name,
      position,
      current_total: 0,
    })),
    rounds: rounds.map((_, index) => ({
      id: `r${index}`,
      game_id: 'g',
      round_number: index + 1,
      caller_id: null,
      created_at: index + 1,
    })),
    scores: rounds.flatMap((hands, round) =>
      hands.map((points, seat) => ({
        id: `s${round}-${seat}`,
        round_id: `r${round}`,
        player_id: `p${seat}`,
        raw_score: points,
        bonus_applied: 0,
        final_score: points,
        total_after: 0,
      })),
    ),
  };
}

/** Random integers from 0 up to but not including a bound, the same ones for the same seed. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** The same items in random order. */
export function shuffled<T>(things: readonly T[], random: (bound: number) => number): T[] {
  const left = [...things];
  return things.map(() => left.splice(random(left.length), 1)[0]!);
}
