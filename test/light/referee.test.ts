import type { Edit } from './edits.js';
import { History, type Values } from './history.js';
import { arrivalOf, differencesAtTheEnd, findStaleness, judge, type Seen } from './referee.js';
import type { Cell, LocalRows } from './local-rows.js';

const T = 1_700_000_000_000;

// Pushes of one row each at 0, 1 and 6 seconds; then the first row is deleted.
const history = new History([
  { stamp: T, key: 'games/a', values: ['Ann', 1] },
  { stamp: T + 1_000, key: 'games/b', values: ['Bob', 2] },
  { stamp: T + 6_000, key: 'games/b', values: ['Bea', 2] },
  { stamp: T + 7_000, key: 'games/a', values: null },
]);

const synced = (...values: Values): Cell => ({ values, unacknowledged: [] });
const rows = (cells: Record<string, Cell>): LocalRows => new Map(Object.entries(cells));
const stalenessAt = (ms: number, local: LocalRows): string | null =>
  findStaleness(history, { rows: local, firstAt: T, lastAt: T + ms });

const FIRST = rows({ 'games/a': synced('Ann', 1) });
const SECOND = rows({ 'games/a': synced('Ann', 1), 'games/b': synced('Bob', 2) });
const THIRD = rows({ 'games/a': synced('Ann', 1), 'games/b': synced('Bea', 2) });
const LAST = rows({ 'games/b': synced('Bea', 2) });

test('data that the server replaced up to 4 s ago may be green, older data may not', () => {
  expect(stalenessAt(4_999, FIRST)).toBeNull();
  expect(stalenessAt(5_001, FIRST)).toMatch(/replaced on the server 4001 ms before; missing: games\/b/);
  expect(stalenessAt(9_999, SECOND)).toBeNull();
  expect(stalenessAt(10_001, SECOND)).toMatch(/replaced on the server 4001 ms before/);
});

test('data that the server gets only later may be green', () => {
  expect(stalenessAt(500, SECOND)).toBeNull();
  expect(stalenessAt(60_000, LAST)).toBeNull();
});

test('a mixture that the server never had is a false green', () => {
  const torn = rows({ 'games/b': synced('Bob', 2) });
  expect(stalenessAt(6_500, torn)).toMatch(/never had.*games\/a: server \["Ann",1\], device nothing/);
  expect(stalenessAt(6_500, rows({ ...Object.fromEntries(LAST), 'games/x': synced('?', 0) }))).not.toBeNull();
});

test('what the server has not acknowledged is left out, column by column', () => {
  const renamed: Cell = { values: ['Bill', 2], unacknowledged: [0] };
  expect(stalenessAt(1_500, rows({ ...Object.fromEntries(SECOND), 'games/b': renamed }))).toBeNull();
  const wrong: Cell = { values: ['Bill', 9], unacknowledged: [0] };
  expect(stalenessAt(1_500, rows({ ...Object.fromEntries(SECOND), 'games/b': wrong }))).not.toBeNull();
  const made: Cell = { values: ['Cem', 3], unacknowledged: 'row' };
  expect(stalenessAt(1_500, rows({ ...Object.fromEntries(SECOND), 'games/c': made }))).toBeNull();
});

test('a device is done when it holds the newest version and nothing waits', () => {
  expect(differencesAtTheEnd(history, LAST)).toEqual([]);
  expect(differencesAtTheEnd(history, THIRD)).toHaveLength(1);
  expect(
    differencesAtTheEnd(history, rows({ 'games/b': { values: ['Bea', 2], unacknowledged: [1] } })),
  ).toEqual(['games/b is still unacknowledged']);
});

test('an edit has arrived with its value, with the end of its row, or when it was overtaken', () => {
  const edit = (key: string, at: number, value: string | null, column: number | null = 0): Edit => ({
    key,
    at: T + at,
    column,
    value,
  });
  const bea = edit('games/b', 5_000, 'Bea');
  expect(arrivalOf(bea, [bea], history)).toBe(T + 6_000);
  const lost = edit('games/b', 5_000, 'Ben');
  expect(arrivalOf(lost, [lost], history)).toBe(Infinity);
  expect(arrivalOf(lost, [lost, edit('games/b', 5_500, 'Bea')], history)).toBe(T + 5_500);
  expect(arrivalOf(lost, [lost, edit('games/b', 5_000, 'Bea')], history)).toBe(T + 5_000);
  expect(arrivalOf(lost, [edit('games/b', 5_000, 'Bea'), lost], history)).toBe(Infinity);
  const onDeleted = edit('games/a', 5_000, 'Amy');
  expect(arrivalOf(onDeleted, [onDeleted], history)).toBe(T + 7_000);
});

test('synced before an edit is at the server is a false green, as is synced with rows that wait', () => {
  const edit: Edit = { key: 'games/b', at: T + 5_000, column: 0, value: 'Bea' };
  const seen = (syncedAt: number[], forgetful: number[] = []): Seen => ({
    device: 'phone',
    greens: [],
    syncedAt,
    forgetful,
  });
  expect(judge(history, seen([T + 4_000, T + 5_200, T + 6_001]), [edit])).toEqual([]);
  expect(judge(history, seen([T + 5_600]), [edit])).toEqual([
    {
      device: 'phone',
      at: T + 5_600,
      what: 'synced, 600 ms after writing "Bea" to games/b, which reached the server 400 ms later',
    },
  ]);
  expect(judge(history, seen([], [T + 1]), [])).toHaveLength(1);
});
