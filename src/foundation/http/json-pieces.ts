import { Readable } from 'node:stream';
import { yieldToEventLoop } from '../flow/yield-to-event-loop.js';

/** The content type of answers that are sent as text. */
export const JSON_TYPE = 'application/json; charset=utf-8';
/** A list with more entries is sent in pieces. */
const LONG = 1_000;
const PIECE_CHARACTERS = 65_536;

/** Whether an answer has a list so long that making its text at once would hold up other requests. */
export function hasLongList(answer: object): boolean {
  return Object.values(answer).some((value) => Array.isArray(value) && value.length > LONG);
}

/** The JSON text of plain data as a stream, whose pieces are made as fast as the client reads them. */
export function jsonStream(value: object): Readable {
  return Readable.from(pieces(value));
}

async function* pieces(value: object): AsyncGenerator<string, void> {
  let piece = '';
  for (const text of texts(value)) {
    piece += text;
    if (piece.length < PIECE_CHARACTERS) continue;
    yield piece;
    piece = '';
    await yieldToEventLoop();
  }
  yield piece;
}

function* texts(value: unknown): Generator<string, void> {
  if (Array.isArray(value) && value.length > LONG) {
    for (let start = 0; start < value.length; start += LONG)
      yield (start === 0 ? '[' : ',') + JSON.stringify(value.slice(start, start + LONG)).slice(1, -1);
    yield ']';
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    let separator = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${separator}${JSON.stringify(key)}:`;
      yield* texts(member);
      separator = ',';
    }
    yield separator === '{' ? '{}' : '}';
  } else {
    yield JSON.stringify(value);
  }
}
