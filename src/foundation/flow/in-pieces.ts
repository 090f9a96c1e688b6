import { yieldToEventLoop } from './yield-to-event-loop.js';

/** Items between two turns of the event loop: a few milliseconds of light work on each. */
const AT_ONCE = 5_000;

/** Cuts a sequence into pieces, between which other events run; for every loop over something that a client sized. */
export async function* inPieces<T>(items: Iterable<T>, size = AT_ONCE): AsyncGenerator<T[], void> {
  let piece: T[] = [];
  for (const item of items) {
    if (piece.length === size) {
      yield piece;
      await yieldToEventLoop();
      piece = [];
    }
    piece.push(item);
  }
  if (piece.length > 0) yield piece;
}

/** Sorts like `toSorted`, but other events run in between. */
export async function sortInPieces<T>(items: T[], compare: (a: T, b: T) => number): Promise<T[]> {
  let runs: T[][] = [];
  for await (const piece of inPieces(items)) runs.push(piece.sort(compare));
  while (runs.length > 1) {
    const merged: T[][] = [];
    for (let n = 0; n < runs.length; n += 2) merged.push(await merge(runs[n]!, runs[n + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

async function merge<T>(first: T[], second: T[], compare: (a: T, b: T) => number): Promise<T[]> {
  const merged: T[] = [];
  let [a, b] = [0, 0];
  while (a < first.length || b < second.length) {
    const takesFirst = b === second.length || (a < first.length && compare(first[a]!, second[b]!) <= 0);
    merged.push(takesFirst ? first[a++]! : second[b++]!);
    if (merged.length % (4 * AT_ONCE) === 0) await yieldToEventLoop();
  }
  return merged;
}
