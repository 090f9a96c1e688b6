import {
  beginRound,
  hasEntries,
  isLastStep,
  pressKey,
  toRoundInput,
  type RoundEntry,
  type RoundKey,
} from '../../src/games/round-entry';
import { scoresheet } from '../../src/games/scoring';
import { paperGame, randomFrom } from './paper-game';

const { players } = paperGame({ players: ['Ann', 'Ben', 'Cleo'], rounds: [] });

/** Presses the keys in a text: digits, `-`, `<` erase, `>` next, `+` bonus, `z` undo. */
function press(state: RoundEntry, keys: string): RoundEntry {
  const named: Record<string, RoundKey> = {
    '-': { key: 'minus' },
    '<': { key: 'back' },
    '>': { key: 'next' },
    '+': { key: 'bonus' },
    z: { key: 'undo' },
  };
  return [...keys].reduce(
    (before, key) => pressKey(before, named[key] ?? { key: 'digit', digit: key }),
    state,
  );
}

function scoresOf(state: RoundEntry): [raw: number, bonus: number][] {
  return toRoundInput(state).scores.map(({ raw, bonus }) => [raw, bonus]);
}

test('numbers are entered player by player, and the last step is known', () => {
  let state = press(beginRound(players), '12>7');
  expect(isLastStep(state)).toBe(false);
  state = press(state, '>30');
  expect(isLastStep(state)).toBe(true);
  expect(scoresOf(state)).toEqual([[12, 0], [7, 0], [30, 0]]); // prettier-ignore
});

test('"next" without a number enters 0', () => {
  const state = press(beginRound(players), '>5');
  expect(scoresOf(state)).toEqual([[0, 0], [5, 0], [0, 0]]); // prettier-ignore
});

test('minus turns a number around, before and after its digits', () => {
  expect(scoresOf(press(beginRound(players), '-5'))[0]).toEqual([-5, 0]);
  expect(scoresOf(press(beginRound(players), '5-'))[0]).toEqual([-5, 0]);
  expect(scoresOf(press(beginRound(players), '5--'))[0]).toEqual([5, 0]);
});

test('the bonus is a number of its own', () => {
  expect(scoresOf(press(beginRound(players), '12+50>3'))).toEqual([[12, 50], [3, 0], [0, 0]]); // prettier-ignore
});

test('erasing takes one digit, then leaves the bonus', () => {
  const state = press(beginRound(players), '12+5<<');
  expect(state.field).toBe('raw');
  expect(scoresOf(press(state, '<'))[0]).toEqual([1, 0]);
});

test('a player who is gone back to is entered anew', () => {
  const back = pressKey(press(beginRound(players), '12>7'), { key: 'seat', seat: 0 });
  expect(scoresOf(press(back, '4'))[0]).toEqual([4, 0]);
});

test('after a detour "next" goes to whoever has no number yet', () => {
  const state = press(pressKey(beginRound(players), { key: 'seat', seat: 2 }), '9>');
  expect(state.seat).toBe(0);
});

test('who called can be noted, changed and taken back', () => {
  const call = (state: RoundEntry, seat: number) => pressKey(state, { key: 'caller', seat });
  const called = call(beginRound(players), 1);
  expect(toRoundInput(called).callerId).toBe('p1');
  expect(toRoundInput(call(called, 2)).callerId).toBe('p2');
  expect(toRoundInput(call(called, 1)).callerId).toBeNull();
});

test('a saved round opens with its numbers, and "next" walks to its end', () => {
  const records = paperGame({ players: ['Ann', 'Ben', 'Cleo'], rounds: [[1, 2, 3]] });
  records.rounds[0]!.caller_id = 'p1';
  const state = beginRound(players, scoresheet(records).rounds[0]);
  expect(toRoundInput(state).callerId).toBe('p1');
  expect(isLastStep(state)).toBe(false);
  expect(isLastStep(press(state, '>>'))).toBe(true);
  expect(scoresOf(press(state, '>8'))).toEqual([[1, 0], [8, 0], [3, 0]]); // prettier-ignore
});

test('nothing is there to save until something is entered', () => {
  expect(hasEntries(beginRound(players))).toBe(false);
  expect(hasEntries(press(beginRound(players), '0'))).toBe(true);
});

test('numbers stop at six digits', () => {
  expect(scoresOf(press(beginRound(players), '-123456789'))[0]).toEqual([-123456, 0]);
});

test('undo takes back every step, one by one, to the very beginning', () => {
  const keys = '0123456789-<>+';
  for (let seed = 1; seed <= 100; seed += 1) {
    const random = randomFrom(seed);
    const begun = beginRound(players);
    let state = begun;
    for (let step = 0; step < 30; step += 1) state = press(state, keys[random(keys.length)]!);
    const steps = state.past.length;
    for (let step = 0; step < steps; step += 1) state = press(state, 'z');
    expect({ seed, state }).toEqual({ seed, state: begun });
    expect(press(state, 'z')).toBe(state);
  }
});
