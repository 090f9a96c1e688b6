import { rmSync } from 'node:fs';
import { decodeChanges, encodeChanges } from '../../../../src/protocol/changes-codec.js';
import {
  bodyOf,
  copyWithRecord,
  errorOf,
  kindNamed,
  newPath,
  openCopy,
  packedKey,
  Replica,
  startEngine,
  type Engine,
  type NamedRow,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('validate');
afterAll(() => rmSync(folder, { recursive: true }));
const captions = kindNamed('captions');
const layout = kindNamed('layout');
const SITE = '0123456789abcdef0123456789abcdef';
const OTHER = 'fedcba9876543210fedcba9876543210';
const KEY = packedKey('r');
/** Far above what is stored. */
const HUGE = 2 ** 40;

const cell: NamedRow = { table: 'cues', key: KEY, column: 'text', value: 'x' };
const real: NamedRow = { table: 'scenes', key: KEY, column: 'position', value: 1.5 };
const sentinel: NamedRow = { table: 'cues', key: KEY, column: '-1', value: null };

/** A client's copy with the record r, and a row merged into it without any check. */
function mergeUnchecked(replica: Replica, row: NamedRow): void {
  replica.merge(bodyOf(SITE, [row]));
}

/** The rows of the table of a change, as SQLite shows them. */
function shown(replica: Replica, columns: string, table = 'cues'): unknown[] {
  return Array.from(replica.connection.statement(`SELECT ${columns} FROM ${table} ORDER BY id`).rows());
}

/** Whether a local write is noticed. */
function isTracked(replica: Replica): boolean {
  if (replica.connection.isInTransaction) replica.connection.exec('ROLLBACK');
  const table = replica.kind === captions ? 'cues' : 'scenes';
  const before = replica.version;
  replica.connection.exec(`INSERT INTO ${table} (id) VALUES ('local')`);
  return replica.version > before;
}

/** The harm of a row that is not checked: what the engine alone does with it. */
type Harm = (replica: Replica, row: NamedRow) => void;

const traps: Harm = (replica, row) => expect(() => mergeUnchecked(replica, row)).toThrow('unreachable');
const failsInTheMiddle: Harm = (replica, row) =>
  expect(() => mergeUnchecked(replica, row)).toThrow(
    /crsql - could not find|logic error|out of range|aborted/,
  );
const losesLocalWrites: Harm = (replica, row) => {
  expect(() => mergeUnchecked(replica, row)).toThrow('constraint failed');
  expect(isTracked(replica)).toBe(false);
};
const isARowOfAnotherName =
  (id: string): Harm =>
  (replica, row) => {
    mergeUnchecked(replica, row);
    expect(shown(replica, 'id, text')).toContainEqual([id, 'x']);
    // It is sent on under another key than it came with.
    const { rows } = decodeChanges(replica.all());
    expect(rows.some(({ key }) => Buffer.compare(key, row.key) === 0)).toBe(false);
  };

const bad: [string, string, NamedRow, Harm][] = [
  ['table', 'a table that is not the kind’s', { ...cell, table: 'crsql_master' }, failsInTheMiddle],
  ['column', 'a column that the table does not have', { ...cell, column: 'nope' }, failsInTheMiddle],
  ['column', 'a column of the key', { ...cell, column: 'id' }, failsInTheMiddle],
  [
    'key',
    'a key whose length has 9 bytes',
    { ...cell, key: Uint8Array.from([1, 0x4b, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x72]) },
    traps,
  ],
  ['key', 'a key with a tail', { ...cell, key: Uint8Array.from([...KEY, 9]) }, isARowOfAnotherName('r')],
  [
    'key',
    'a key with a long length',
    { ...cell, key: Uint8Array.of(1, 0x13, 0, 1, 0x72) },
    isARowOfAnotherName('r'),
  ],
  [
    'key',
    'an integer for a text',
    { ...cell, key: packedKey(7) },
    (replica, row) => {
      mergeUnchecked(replica, row);
      replica.connection.exec(`UPDATE cues SET text = 'mine' WHERE id = '7'`);
      // One record has two names, with a clock each.
      expect(decodeChanges(replica.all()).rows.map(({ key }) => Buffer.from(key))).toEqual(
        [packedKey(7), packedKey('7')].map((key) => Buffer.from(key)),
      );
    },
  ],
  [
    'key',
    'a key that is not UTF-8',
    { ...cell, key: Uint8Array.of(1, 0x0b, 1, 0xff) },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(shown(replica, 'id')).toContainEqual(['\uFFFD']);
    },
  ],
  ['key', 'a key without parts', { ...cell, key: Uint8Array.of(0) }, isARowOfAnotherName('x')],
  ['key', 'a NULL in the key', { ...cell, key: Uint8Array.of(1, 5) }, losesLocalWrites],
  ['key', 'a blob for a text', { ...cell, key: Uint8Array.of(1, 0x0c, 1, 0x72) }, losesLocalWrites],
  ['key', 'a part too many', { ...cell, key: packedKey('r', 's') }, failsInTheMiddle],
  ['key', 'a key that ends early', { ...cell, key: Uint8Array.of(1, 0x0b, 5, 0x72) }, failsInTheMiddle],
  ['type', 'a text for an integer', { ...cell, column: 'start_ms', value: 'x' }, losesLocalWrites],
  [
    'type',
    'an integer for a text',
    { ...cell, value: 5n },
    (replica, row) => {
      mergeUnchecked(replica, row);
      // It is stored as another value than the one that was compared, and that others keep.
      expect(decodeChanges(replica.all()).rows[0]!.value).toBe('5');
    },
  ],
  [
    'type',
    'an integer that a real cannot hold',
    { ...real, value: 2n ** 53n + 1n },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(shown(replica, 'position', 'scenes')).toEqual([[2 ** 53]]);
    },
  ],
  ['not_null', 'NULL where none may be', { ...cell, value: null }, losesLocalWrites],
  [
    'finite',
    'an infinite real',
    { ...real, value: -Infinity },
    (replica, row) => {
      mergeUnchecked(replica, row);
      // JSON and the import take none: the document could not be brought back.
      expect(shown(replica, 'position', 'scenes')).toEqual([[-Infinity]]);
    },
  ],
  [
    'sentinel',
    'a cell of a deleted record',
    { ...cell, cl: 2 },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(shown(replica, 'id')).toEqual([]);
    },
  ],
  [
    'sentinel',
    'a sentinel with a value',
    { ...sentinel, key: packedKey('new'), value: 'x' },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(decodeChanges(replica.all()).rows.map(({ value }) => value)).toEqual([null]); // not what was sent
    },
  ],
  [
    'sentinel',
    'a sentinel whose version is not its causal length',
    { ...sentinel, key: packedKey('new'), colVersion: 5 },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(decodeChanges(replica.all()).rows[0]!.cl).toBe(5); // born five times by one birth
    },
  ],
  [
    'cl',
    'a causal length of 0',
    { ...cell, cl: 0 },
    (replica, row) => {
      mergeUnchecked(replica, row);
      expect(shown(replica, 'id')).toEqual([['r']]); // dropped in silence
      expect(shown(replica, 'text')).toEqual([['']]);
    },
  ],
  [
    'cl',
    'a causal length far above the stored one',
    { ...sentinel, cl: Number.MAX_SAFE_INTEGER, colVersion: Number.MAX_SAFE_INTEGER },
    (replica, row) => {
      mergeUnchecked(replica, row);
      replica.connection.exec(`DELETE FROM cues`);
      expect(() => replica.all()).toThrow('not an unsigned integer'); // a deletion that can never be sent
    },
  ],
  [
    'col_version',
    'a version far above the stored one',
    { ...cell, colVersion: Number.MAX_SAFE_INTEGER },
    (replica, row) => {
      mergeUnchecked(replica, row);
      replica.connection.exec(`UPDATE cues SET text = 'mine'`);
      expect(() => replica.all()).toThrow('not an unsigned integer'); // an edit that can never be sent
    },
  ],
  [
    'col_version',
    'the same of a cell that has none yet',
    { ...cell, colVersion: HUGE },
    (replica, row) => {
      mergeUnchecked(replica, row);
      replica.merge(bodyOf(OTHER, [{ ...cell, value: 'newer', colVersion: 2 }]));
      expect(shown(replica, 'text')).toEqual([['x']]); // wins over every edit of those who have not seen it
    },
  ],
];

describe.each(bad)('%s: %s', (rule, _name, row, harm) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  const kind = row.table === 'scenes' ? layout : captions;

  test('is refused, with nothing of its batch', async () => {
    const path = await copyWithRecord(folder, row.table);
    const database = openCopy(engine, path, kind);
    const good = { ...(kind === layout ? real : cell), key: packedKey('good') };
    const error = errorOf(() => database.apply(bodyOf(SITE, [good, row]), SITE));
    const isAboutNames = rule === 'table' || rule === 'column';
    expect(error.code).toBe('CHANGES_INVALID');
    expect(error.details).toMatchObject({ rule, row: isAboutNames ? null : 1 });
    expect(database.isInTransaction).toBe(false);
    expect(database.apply(bodyOf(SITE, [good]), SITE)).toEqual({ version: 2, rows: 1 });
    database.commit();
    expect(database.count(0, 2).rows).toBe(1);
    database.close();
  });

  test('does harm to the engine alone', async () => {
    const replica = new Replica(engine, kind, await copyWithRecord(folder, row.table), newPath(folder));
    harm(replica, row);
  });
});

test('changes of another site, or of several, are refused: they would hide changes from their author', async () => {
  const engine = await startEngine();
  const database = openCopy(engine, await copyWithRecord(folder, 'cues'), captions);
  expect(errorOf(() => database.apply(bodyOf(OTHER, [cell]), SITE)).details).toMatchObject({
    rule: 'site',
    row: null,
  });
  const { sites, tables, rows } = decodeChanges(bodyOf(SITE, [cell]));
  const two = encodeChanges({ sites: [...sites, Buffer.from(OTHER, 'hex')], tables, rows });
  expect(errorOf(() => database.apply(two, SITE)).details).toMatchObject({ rule: 'site', row: null });
  expect(errorOf(() => database.apply(Uint8Array.of(9), SITE)).details).toMatchObject({
    rule: 'format',
    row: null,
  });
  // One of the journal may have any.
  expect(database.apply(bodyOf(OTHER, [cell]), null)).toEqual({ version: 2, rows: 1 });
});
