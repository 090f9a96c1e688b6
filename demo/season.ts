/** What one player had in hand at the end of a round, and what the rules made of it. */
export interface Hand {
  raw: number;
  /** Minus the hand for a caller with the lowest one, a penalty for a caller without, else 0. */
  bonus: number;
}

/** One round on paper; `hands` are in seat order. */
export interface PaperRound {
  id: string;
  callerSeat: number;
  /** Epoch ms. */
  playedAt: number;
  hands: Hand[];
  scoreIds: string[];
}

/** The sheet of paper beside the phones: what a game must look like in the end, whatever happened on the way. */
export interface PaperGame {
  id: string;
  number: number;
  name: string | null;
  target: number;
  /** Epoch ms. */
  startedAt: number;
  seats: { id: string; name: string }[];
  rounds: PaperRound[];
}

/** A season is 40 games, four an evening. */
export const GAMES = 40;
export const GAMES_AN_EVENING = 4;

const PLAYERS = [
  { name: 'Ada', skill: 0.92 },
  { name: 'Bruno', skill: 1.05 },
  { name: 'Chidi', skill: 0.97 },
  { name: 'Dora', skill: 1 },
  { name: 'Emil', skill: 1.08 },
];
const TARGET = 100;
const MISSED_CALL = 5;
const MINUTE_MS = 60_000;
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS;
const FIRST_EVENING = Date.UTC(2026, 0, 9, 19, 30); // a Friday

/** Numbers that only look random: the same seed gives the same ones. */
export class Dice {
  constructor(private state: number) {}

  /** In [0, 1). */
  next(): number {
    // mulberry32: small, and even enough for a game of cards
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** An id like WatermelonDB's. */
  id(): string {
    const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
    return Array.from({ length: 16 }, () => alphabet[this.between(0, 61)]).join('');
  }
}

/** Plays a whole season on paper. */
export function playSeason(dice: Dice): PaperGame[] {
  return Array.from({ length: GAMES }, (_, index) => playGame(dice, index));
}

/** Points per seat after each round. */
export function runningTotals(game: PaperGame): number[][] {
  const totals = game.seats.map(() => 0);
  return game.rounds.map((round) =>
    round.hands.map((hand, seat) => (totals[seat]! += hand.raw + hand.bonus)),
  );
}

/** The seat with the fewest points; of several the one nearest to the dealer. */
export function winningSeat(game: PaperGame): number {
  const totals = runningTotals(game).at(-1)!;
  return totals.indexOf(Math.min(...totals));
}

function playGame(dice: Dice, index: number): PaperGame {
  const evening = Math.floor(index / GAMES_AN_EVENING);
  const startedAt = FIRST_EVENING + evening * WEEK_MS + (index % GAMES_AN_EVENING) * 45 * MINUTE_MS;
  // The seats move on by one with every game.
  const players = PLAYERS.map((_, seat) => PLAYERS[(seat + index) % PLAYERS.length]!);
  const game: PaperGame = {
    id: dice.id(),
    number: index + 1,
    name: `Game ${index + 1}`,
    target: TARGET,
    startedAt,
    seats: players.map(({ name }) => ({ id: dice.id(), name })),
    rounds: [],
  };
  do {
    const playedAt = startedAt + (game.rounds.length + 1) * 1.5 * MINUTE_MS;
    game.rounds.push(playRound(dice, players, playedAt));
  } while (Math.max(...runningTotals(game).at(-1)!) < TARGET);
  return game;
}

/** Everyone lays down a hand; whoever called scores nothing for the lowest one, and pays for any other. */
function playRound(dice: Dice, players: typeof PLAYERS, playedAt: number): PaperRound {
  const callerSeat = dice.between(0, players.length - 1);
  const hands = players.map(({ skill }, seat) => {
    const most = seat === callerSeat ? 4 : 8;
    return { raw: Math.round(dice.between(0, most) * skill), bonus: 0 };
  });
  const caller = hands[callerSeat]!;
  caller.bonus = hands.every(({ raw }) => raw >= caller.raw) ? -caller.raw : MISSED_CALL;
  return { id: dice.id(), callerSeat, playedAt, hands, scoreIds: hands.map(() => dice.id()) };
}
