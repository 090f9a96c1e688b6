import type { PlayerRow } from './records';
import type { ScoredRound } from './scoring';

/** One player's points in a round to save. */
export interface RoundScore {
  playerId: string;
  raw: number;
  bonus: number;
}

/** A round to save. */
export interface RoundInput {
  /** Null: no caller was noted. */
  callerId: string | null;
  scores: RoundScore[];
  /** Ids of the players whose score in the round is deleted. Other players without an entry in `scores` stay as is. */
  scoreless?: string[];
}

/** One player's numbers as typed so far. */
export interface Cell {
  playerId: string;
  /** Digits with an optional minus; null: nothing entered yet. */
  raw: string | null;
  /** As `raw`; null: no bonus. */
  bonus: string | null;
}

/** The keypad's state: whose turn it is, and everyone's numbers so far. */
export interface RoundEntry {
  /** In running order. */
  cells: readonly Cell[];
  /** The seat being entered, 0-based. */
  seat: number;
  field: 'raw' | 'bonus';
  /** Whether the next digit replaces the number instead of adding to it. */
  isFresh: boolean;
  callerId: string | null;
  /** The state before each step, the last step's at the end. */
  past: readonly Omit<RoundEntry, 'past'>[];
}

/** A key of the keypad or the keyboard, or a touch on a player. */
export type RoundKey =
  | { key: 'digit'; digit: string }
  | { key: 'minus' | 'back' | 'next' | 'previous' | 'bonus' | 'undo' }
  | { key: 'seat' | 'caller'; seat: number };

const MAX_DIGITS = 6;

/** Begins a new round, or opens one that was saved. */
export function beginRound(players: readonly PlayerRow[], saved?: ScoredRound): RoundEntry {
  const cells = players.map(({ id }): Cell => {
    const entry = saved?.entries.get(id);
    if (!entry) return { playerId: id, raw: null, bonus: null };
    return { playerId: id, raw: String(entry.raw), bonus: entry.bonus === 0 ? null : String(entry.bonus) };
  });
  return { cells, seat: 0, field: 'raw', isFresh: true, callerId: saved?.callerId ?? null, past: [] };
}

/** The state after a key. Does not save: the screen does that at the last step, see `isLastStep`. */
export function pressKey(state: RoundEntry, press: RoundKey): RoundEntry {
  if (press.key === 'undo') {
    const before = state.past.at(-1);
    return before ? { ...before, past: state.past.slice(0, -1) } : state;
  }
  const { past, ...current } = state;
  const changes = step(state, press);
  return changes ? { ...current, ...changes, past: [...past, current] } : state;
}

/** Whether "next" saves the round because no player is left to enter. */
export function isLastStep(state: RoundEntry): boolean {
  return nextSeat(state) === null;
}

/** Whether there is anything to save. */
export function hasEntries(state: RoundEntry): boolean {
  return state.cells.some((cell) => cell.raw !== null || cell.bonus !== null);
}

/** The round to save; players without a number get 0. */
export function toRoundInput({ cells, callerId }: RoundEntry): RoundInput {
  return {
    callerId,
    scores: cells.map(({ playerId, raw, bonus }) => ({
      playerId,
      raw: numberOf(raw),
      bonus: numberOf(bonus),
    })),
  };
}

/** The typed text as a number; null and a lone minus are 0. */
export function numberOf(text: string | null): number {
  return Number(text === '-' ? 0 : (text ?? 0)) || 0;
}

function step(state: RoundEntry, press: RoundKey): Partial<RoundEntry> | null {
  const { cells, seat, field } = state;
  const cell = cells[seat];
  if (!cell) return null;
  const text = cell[field];
  switch (press.key) {
    case 'digit':
      return type(state, appendDigit(state.isFresh ? null : text, press.digit));
    case 'minus':
      return type(state, text?.startsWith('-') ? text.slice(1) || null : `-${text ?? ''}`);
    case 'back':
      if (field === 'bonus' && text === null) return { field: 'raw', isFresh: false };
      return text === null ? null : type(state, shorten(text));
    case 'bonus':
      return { field: field === 'raw' ? 'bonus' : 'raw', isFresh: true };
    case 'next': {
      const next = nextSeat(state);
      return next === null ? null : { ...moveTo(next), cells: withZero(cells, seat) };
    }
    case 'previous':
      return seat === 0 ? null : moveTo(seat - 1);
    case 'seat':
      return press.seat === seat && field === 'raw' ? null : moveTo(press.seat);
    case 'caller': {
      const playerId = cells[press.seat]?.playerId ?? null;
      return { callerId: state.callerId === playerId ? null : playerId };
    }
    case 'undo':
      return null;
  }
}

function type(state: RoundEntry, text: string | null): Partial<RoundEntry> {
  const cells = state.cells.map((cell, seat) =>
    seat === state.seat ? { ...cell, [state.field]: text } : cell,
  );
  return { cells, isFresh: false };
}

function appendDigit(text: string | null, digit: string): string {
  if (text === null || text === '0') return digit;
  if (text === '-0') return `-${digit}`;
  return text.replace('-', '').length >= MAX_DIGITS ? text : text + digit;
}

function shorten(text: string): string | null {
  const shorter = text.slice(0, -1);
  return shorter === '' || shorter === '-' ? null : shorter;
}

function moveTo(seat: number): Partial<RoundEntry> {
  return { seat, field: 'raw', isFresh: true };
}

/** The next seat: first a player without a number, else the following seat; null after the last. */
function nextSeat({ cells, seat }: RoundEntry): number | null {
  const inOrder = [...cells.keys()].map((offset) => (seat + 1 + offset) % cells.length);
  const blank = inOrder.find((candidate) => candidate !== seat && cells[candidate]!.raw === null);
  if (blank !== undefined) return blank;
  return seat + 1 < cells.length ? seat + 1 : null;
}

function withZero(cells: readonly Cell[], seat: number): readonly Cell[] {
  return cells.map((cell, index) => (index === seat && cell.raw === null ? { ...cell, raw: '0' } : cell));
}
