import fc from 'fast-check';
import { ChangesFormatError, type ChangeValue } from '../../../../src/protocol/changes-bytes.js';
import {
  ChangesWriter,
  decodeChanges,
  encodeChanges,
  type Change,
  type Changes,
} from '../../../../src/protocol/changes-codec.js';

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constant('a\0b'),
  fc.constant('\uFEFFx'),
);
const blob = fc.uint8Array({ maxLength: 40 });
const value: fc.Arbitrary<ChangeValue> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: MIN_INT64, max: MAX_INT64 }),
  fc.constantFrom(0n, -1n, 63n, -64n, 64n, 2n ** 48n, -(2n ** 49n), 2n ** 53n + 1n, MIN_INT64, MAX_INT64),
  fc.double({ noNaN: true }),
  text,
  blob,
);
const unsigned = fc.oneof(fc.nat(300), fc.maxSafeNat());

/** Any list of changes, where records often have several cells. */
const changes: fc.Arbitrary<Changes> = fc
  .record({
    sites: fc.uniqueArray(fc.uint8Array({ minLength: 16, maxLength: 16 }), {
      selector: String,
      minLength: 1,
      maxLength: 3,
    }),
    tables: fc.uniqueArray(fc.record({ name: text, columns: fc.uniqueArray(text, { maxLength: 4 }) }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 3,
    }),
    keys: fc.array(fc.uint8Array({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 }),
    rows: fc.array(fc.record({ at: fc.nat(), cl: unsigned, colVersion: unsigned, value }), { maxLength: 12 }),
  })
  .map(({ sites, tables, keys, rows }) => ({
    sites,
    tables,
    rows: rows.map(({ at, ...rest }): Change => {
      const table = at % tables.length;
      return {
        ...rest,
        table,
        site: at % sites.length,
        key: keys[(at >> 3) % keys.length]!,
        column: (at >> 1) % (tables[table]!.columns.length + 1),
      };
    }),
  }));

/** Decodes; null: the typed error. Any other error fails the test. */
function decodeOrNull(body: Uint8Array): Changes | null {
  try {
    return decodeChanges(body);
  } catch (error) {
    if (error instanceof ChangesFormatError) return null;
    throw error;
  }
}

function bytes(...parts: (number | string | number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part)));
}

const SITE = Array.from({ length: 16 }, (_, at) => at);
/** Everything before the rows: one site and the table t with the column c. */
const HEAD = [1, 1, ...SITE, 1, 1, 0x74, 1, 1, 0x63];

/** The rule that a body breaks, and in which row. */
function faultOf(body: Uint8Array): [string, number | null] {
  try {
    decodeChanges(body);
  } catch (error) {
    if (error instanceof ChangesFormatError) return [error.rule, error.row];
    throw error;
  }
  throw new Error('The body was decoded.');
}

test('what is encoded comes back exactly, minus zero included', () => {
  fc.assert(
    fc.property(changes, (sent) => {
      const received = decodeChanges(encodeChanges(sent));
      expect(received).toEqual(sent);
      received.rows.forEach((row, at) =>
        expect(Object.is(row.value, sent.rows[at]!.value) || typeof row.value === 'object').toBe(true),
      );
    }),
    { numRuns: 200 },
  );
});

test('every truncation is refused', () => {
  fc.assert(
    fc.property(changes, (sent) => {
      const body = encodeChanges(sent);
      for (let length = 0; length < body.length; length += 1) {
        expect(decodeOrNull(body.subarray(0, length))).toBeNull();
      }
    }),
    { numRuns: 40 },
  );
});

test('a body with a changed byte is refused, or is itself what its changes encode to', () => {
  fc.assert(
    fc.property(changes, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, place, mask) => {
      const body = encodeChanges(sent);
      for (let step = 0; step < 16; step += 1) {
        const mutated = body.slice();
        mutated[(place + step * 7) % body.length]! ^= mask;
        const decoded = decodeOrNull(mutated);
        if (decoded !== null) expect(encodeChanges(decoded)).toEqual(mutated);
      }
    }),
    { numRuns: 200 },
  );
});

test('the bytes are those of the grammar', () => {
  const key = bytes(0x01, 0x0b, 0x01, 'k');
  const body = encodeChanges({
    sites: [bytes(SITE)],
    tables: [{ name: 't', columns: ['c'] }],
    rows: [
      { table: 0, site: 0, key, column: 0, cl: 1, colVersion: 1, value: null },
      { table: 0, site: 0, key, column: 1, cl: 1, colVersion: 300, value: -3n },
      { table: 0, site: 0, key, column: 1, cl: 1, colVersion: 2, value: 1.5 },
      { table: 0, site: 0, key, column: 1, cl: 1, colVersion: 2, value: 'ä' },
      { table: 0, site: 0, key, column: 1, cl: 1, colVersion: 2, value: bytes(7) },
    ],
  });
  expect([...body]).toEqual([
    ...HEAD,
    5,
    ...[0, 0, 4, ...key, 0, 1, 1, 0],
    ...[0, 0, 0, 1, 1, 0xac, 2, 1, 5],
    ...[0, 0, 0, 1, 1, 2, 2, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0],
    ...[0, 0, 0, 1, 1, 2, 3, 2, 0xc3, 0xa4],
    ...[0, 0, 0, 1, 1, 2, 4, 1, 7],
  ]);
});

test('a further small integer of a record takes 8 bytes', () => {
  const writer = new ChangesWriter();
  const place = {
    table: writer.tableIndex('cues'),
    site: writer.siteIndex(bytes(SITE)),
    key: bytes(1, 2, 3),
  };
  const cell = (column: string, number: bigint): Change => ({
    ...place,
    column: writer.columnIndex(place.table, column),
    cl: 1,
    colVersion: 1,
    value: number,
  });
  const cells = [cell('start_ms', 5n), cell('end_ms', 6n)];
  writer.add(cells[0]!);
  const one = writer.finish().length;
  writer.add(cells[1]!);
  expect(writer.finish().length - one).toBe(8);
});

test.each<[string, number[], [string, number | null]]>([
  ['an empty body', [], ['The body ends early', null]],
  ['another format', [2, ...HEAD.slice(1), 0], ['The format is not known', null]],
  ['a site twice', [1, 2, ...SITE, ...SITE, 0, 0], ['A name is listed twice', null]],
  ['a table twice', [1, 0, 2, 1, 0x74, 0, 1, 0x74, 0, 0], ['A name is listed twice', null]],
  ['a column twice', [1, 0, 1, 1, 0x74, 2, 1, 0x63, 1, 0x63, 0], ['A name is listed twice', null]],
  ['a tail', [...HEAD, 0, 0], ['Something follows', null]],
  ['a long zero', [...HEAD, 0x80, 0], ['A number is longer than it must be', null]],
  ['a long number', [...HEAD, 0x81, 0x80, 0], ['A number is longer than it must be', null]],
  ['a number above 2^53', [...HEAD, ...Array<number>(8).fill(0xff), 1], ['A number is too large', null]],
  ['an endless number', [...HEAD, ...Array<number>(99).fill(0x80)], ['A number is too large', null]],
  ['no such table', [...HEAD, 1, 1, 0, 1, 9, 0, 1, 1, 0], ['The table is not listed', 0]],
  ['no such site', [...HEAD, 1, 0, 1, 1, 9, 0, 1, 1, 0], ['The site is not listed', 0]],
  ['no such column', [...HEAD, 1, 0, 0, 1, 9, 2, 1, 1, 0], ['The column is not listed', 0]],
  ['no key before', [...HEAD, 1, 0, 0, 0, 0, 1, 1, 0], ['There is no key before of that table', 0]],
  [
    'a key that repeats the one before',
    [...HEAD, 2, ...[0, 0, 1, 9, 0, 1, 1, 0], ...[0, 0, 1, 9, 1, 1, 1, 0]],
    ['The key of the row before is repeated', 1],
  ],
  ['an unknown type', [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 5], ['The type of a value is not known', 0]],
  ['bad UTF-8', [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 3, 1, 0xff], ['A text is not valid UTF-8', 0]],
  [
    'a surrogate in UTF-8',
    [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 3, 3, 0xed, 0xa0, 0x80],
    ['A text is not valid UTF-8', 0],
  ],
  ['NaN', [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 2, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0], ['A real is not a number', 0]],
  [
    'an integer of 65 bits',
    [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 1, ...Array<number>(9).fill(0x80), 2],
    ['A number is too large', 0],
  ],
  [
    'a long integer of 64 bits',
    [...HEAD, 1, 0, 0, 1, 9, 1, 1, 1, 1, ...Array<number>(8).fill(0x80), 0],
    ['A number is longer than it must be', 0],
  ],
])('%s is refused', (_name, body, fault) => {
  expect(faultOf(Uint8Array.from(body))).toEqual(fault);
});

test('a count without its bytes is refused at once', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f];
  const bodies = [
    [1, ...huge],
    [1, 0, ...huge],
    [1, 0, 1, 1, 0x74, ...huge],
    [...HEAD, ...huge],
    [1, 0, 1, ...huge],
  ];
  for (const body of bodies) expect(faultOf(Uint8Array.from(body))[0]).toBe('The body ends early');
});

test('a body with more rows than are allowed is refused before its rows are read', () => {
  expect(() => decodeChanges(bytes(HEAD, [3]), 2)).toThrow('There are more than 2 rows');
});

test('the announced size of a body is never below the true one', () => {
  fc.assert(
    fc.property(changes, ({ sites, tables, rows }) => {
      const writer = new ChangesWriter(sites, tables);
      for (const row of rows) writer.add(row);
      const { length } = writer.finish();
      expect(writer.sizeBytes).toBeGreaterThanOrEqual(length);
    }),
  );
});
