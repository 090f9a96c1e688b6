import { rmSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import fc from 'fast-check';
import { Connection } from '../../../../src/documents/live/engine/binder.js';
import type { ChangeValue } from '../../../../src/protocol/changes-bytes.js';
import { newPath, startEngine, type Engine } from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('binder');
afterAll(() => rmSync(folder, { recursive: true }));

const value: fc.Arbitrary<ChangeValue> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    0n,
    -1n,
    2n ** 31n,
    -(2n ** 31n),
    2n ** 32n - 1n,
    -(2n ** 32n),
    -(2n ** 63n),
    2n ** 63n - 1n,
  ),
  fc.double({ noNaN: true }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', 'a\0b', '\0', '\uFEFFbom', '😀', 'x'.repeat(5000)),
  fc.uint8Array({ maxLength: 60 }),
);

/** What is compared of a value: a column of type REAL makes minus zero a zero, one of type ANY does not. */
function compared(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

/** Opens a new file with the engine alone, without CR-SQLite's tables in the way. */
function open({ engine, vfs }: Engine): { path: string; connection: Connection; close(): void } {
  const path = newPath(folder);
  new BetterSqlite(path).exec('CREATE TABLE cells (id INTEGER PRIMARY KEY, value ANY) STRICT').close();
  const name = vfs.attach(path);
  const connection = new Connection(engine, name);
  return {
    path,
    connection,
    close() {
      connection.value('SELECT crsql_finalize()');
      connection.close();
      vfs.detach(name);
    },
  };
}

test('every value comes back exactly, and better-sqlite3 reads the same from the file', async () => {
  const engine = await startEngine();
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 30 }), (values) => {
      const { path, connection, close } = open(engine);
      connection.exec('BEGIN');
      values.forEach((one, at) =>
        connection.statement('INSERT INTO cells VALUES (?, ?)').run(BigInt(at), one),
      );
      connection.exec('COMMIT');
      const read = Array.from(
        connection.statement('SELECT value FROM cells ORDER BY id').rows(),
        ([one]) => one,
      );
      expect(read.map(compared)).toEqual(values.map(compared));
      const types = Array.from(connection.statement('SELECT typeof(value) FROM cells ORDER BY id').rows());
      close();

      const file = new BetterSqlite(path, { readonly: true }).defaultSafeIntegers();
      const rows = file
        .prepare('SELECT value, typeof(value) FROM cells ORDER BY id')
        .raw()
        .all() as unknown[][];
      // better-sqlite3 gives blobs as buffers.
      expect(rows.map(([one]) => (Buffer.isBuffer(one) ? Uint8Array.from(one) : compared(one)))).toEqual(
        values.map(compared),
      );
      expect(rows.map(([, type]) => [type])).toEqual(types);
      file.close();
    }),
    { numRuns: 60 },
  );
});

test('a statement that was left in the middle can be used again', async () => {
  const { connection, close } = open(await startEngine());
  const statement = connection.statement('SELECT 1 UNION ALL SELECT 2');
  expect(statement.first()).toEqual([1n]);
  for (const [one] of statement.rows()) if (one === 1n) break;
  expect(Array.from(statement.rows())).toEqual([[1n], [2n]]);
  close();
});

test('an error has SQLite’s code and message, and the connection lives on', async () => {
  const { connection, close } = open(await startEngine());
  const insert = () => connection.statement('INSERT INTO cells VALUES (?, ?)').run(1n, null);
  insert();
  let error: unknown;
  try {
    insert();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name: 'EngineError', code: 1555, primaryCode: 19 });
  expect(String(error)).toContain('cells.id');
  expect(() => connection.exec('SELECT no_such_function()')).toThrow('no such function');
  expect(connection.value('SELECT count(*) FROM cells')).toBe(1n);
  close();
});

test('a value larger than the memory at first is bound and read', async () => {
  const { connection, close } = open(await startEngine());
  const large = new Uint8Array(40_000_000).fill(7);
  connection.statement('INSERT INTO cells VALUES (1, ?)').run(large);
  const read = connection.value('SELECT value FROM cells') as Uint8Array;
  expect(Buffer.compare(read, large)).toBe(0);
  close();
});
