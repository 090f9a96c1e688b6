import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { DocumentKinds } from '../../../../src/documents/kinds.js';
import { decodeChanges } from '../../../../src/protocol/changes-codec.js';
import {
  bodyOf,
  copyWithRecord,
  errorOf,
  kindNamed,
  makeCopy,
  newPath,
  openCopy,
  packedKey,
  Replica,
  startEngine,
  type NamedRow,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('bounds');
afterAll(() => rmSync(folder, { recursive: true }));
const captions = kindNamed('captions');
const layout = kindNamed('layout');
const SITE = '0123456789abcdef0123456789abcdef';
const KEY = packedKey('r');
const cell: NamedRow = { table: 'cues', key: KEY, column: 'text', value: 'x' };
const real: NamedRow = { table: 'scenes', key: KEY, column: 'position', value: 1.5 };
const sentinel: NamedRow = { table: 'cues', key: KEY, column: '-1', value: null };

test('an integer for a real is stored and compared as a real', async () => {
  const path = await copyWithRecord(folder, 'scenes');
  const database = openCopy(await startEngine(), path, layout);
  database.apply(bodyOf(SITE, [{ ...real, value: -(2n ** 53n) }]), SITE);
  database.commit();
  expect(database.apply(bodyOf(SITE, [{ ...real, value: -(2 ** 53) }]), SITE).version).toBe(2);
  expect(decodeChanges(database.read(0, 2).body).rows[0]!.value).toBe(-(2 ** 53));
  database.close();
});

test('a version may be far above 2^20 where the stored one is near', async () => {
  const engine = await startEngine();
  const database = openCopy(engine, await copyWithRecord(folder, 'cues'), captions);
  const step = (colVersion: number) => {
    database.apply(bodyOf(SITE, [{ ...cell, colVersion }]), SITE);
    database.commit();
  };
  for (const version of [2 ** 20, 2 ** 21, 3 * 2 ** 20]) step(version);
  expect(errorOf(() => step(4 * 2 ** 20 + 1)).details).toMatchObject({ rule: 'col_version', row: 0 });
  const born = (cl: number) => database.apply(bodyOf(SITE, [{ ...sentinel, cl, colVersion: cl }]), SITE);
  expect(born(2 ** 20 + 1).version).toBe(5);
  database.commit();
  expect(errorOf(() => born(2 ** 21 + 2)).details).toMatchObject({ rule: 'cl', row: 0 });
  expect(born(2 ** 21 + 1).version).toBe(6);
});

test('values and keys of a megabyte pass, larger ones do not', async () => {
  const database = openCopy(await startEngine(), await copyWithRecord(folder, 'cues'), captions);
  const apply = (row: NamedRow) => database.apply(bodyOf(SITE, [row]), SITE);
  const tooLarge = { rule: 'too_large', row: 0 };
  expect(errorOf(() => apply({ ...cell, value: 'ä'.repeat(500_001) })).details).toMatchObject(tooLarge);
  expect(errorOf(() => apply({ ...cell, key: packedKey('k'.repeat(1_000_001)) })).details).toMatchObject(
    tooLarge,
  );
  expect(apply({ ...cell, value: 'ä'.repeat(500_000) }).version).toBe(2);
  database.commit();
  expect(apply({ ...cell, key: packedKey('k'.repeat(900_000)) }).version).toBe(3);
  database.commit();
  database.close();
});

test('4,000 rows are a batch, one more is too many, but not of the journal', async () => {
  const database = openCopy(await startEngine(), await copyWithRecord(folder, 'cues'), captions);
  const rows = (count: number) =>
    bodyOf(
      SITE,
      Array.from({ length: count }, (_, at) => ({ ...cell, key: packedKey(`r${at}`) })),
    );
  expect(errorOf(() => database.apply(rows(4_001), SITE)).code).toBe('BODY_TOO_LARGE');
  expect(database.apply(rows(4_000), SITE)).toEqual({ version: 2, rows: 4_000 });
  database.commit();
  expect(database.apply(rows(4_001), null)).toEqual({ version: 3, rows: 4_001 });
  database.commit();
  database.close();
});

test('keys of integers and of several parts, as the engine packs them', async () => {
  const kinds = join(folder, 'keys');
  mkdirSync(kinds);
  writeFileSync(
    join(kinds, 'grid.sql'),
    `PRAGMA user_version = 1;
     CREATE TABLE cells (y INTEGER NOT NULL, name TEXT NOT NULL, mark TEXT NOT NULL DEFAULT '' CHECK (mark <> 'bad'),
       PRIMARY KEY (name, y)) STRICT;
     CREATE TRIGGER cells_keep_their_key BEFORE UPDATE OF y, name ON cells BEGIN SELECT RAISE(ABORT, 'no'); END;`,
  );
  const grid = new DocumentKinds(`${kinds}/`).get('grid');
  const engine = await startEngine();
  const path = newPath(folder);
  await makeCopy(path, grid);
  const replica = new Replica(engine, grid, path, newPath(folder));
  const insert = replica.connection.statement('INSERT INTO cells (y, name, mark) VALUES (?, ?, ?)');
  const integers = [
    0n,
    1n,
    127n,
    128n,
    255n,
    256n,
    2n ** 31n,
    2n ** 32n,
    2n ** 63n - 1n,
    -1n,
    -128n,
    -(2n ** 63n),
  ];
  const names = ['', 'a', 'a\0b', 'ü', 'x'.repeat(127), 'x'.repeat(128), 'x'.repeat(300), 'x'.repeat(70_000)];
  for (const y of integers) for (const name of names) insert.run(y, name, 'm');
  const database = openCopy(engine, path, grid);
  const body = replica.own(0);
  expect(database.apply(body, replica.siteId)).toEqual({ version: 2, rows: integers.length * names.length });
  database.commit();
  const sent = new Set(decodeChanges(body).rows.map(({ key }) => Buffer.from(key).toString('hex')));
  expect(sent.size).toBe(integers.length * names.length);

  // What only the table itself refuses is noticed in the middle of the batch.
  const row: NamedRow = { table: 'cells', key: packedKey('n', 1), column: 'mark', value: 'good' };
  const batch = bodyOf(SITE, [row, { ...row, key: packedKey('n', 2), value: 'bad' }]);
  expect(errorOf(() => database.apply(batch, SITE)).details).toMatchObject({ rule: 'constraint', row: 1 });
  expect(database.apply(bodyOf(SITE, [row]), SITE).version).toBe(3);
  database.commit();
  database.close();
  // After all of that local writes are still tracked.
  const local = new Replica(engine, grid, path, newPath(folder));
  insertInto(local);
  expect(decodeChanges(local.own(3)).rows).toHaveLength(1);
  replica.close();
  local.close();
  const file = new BetterSqlite(path, { readonly: true });
  expect(file.prepare('SELECT count(*) FROM cells').pluck().get()).toBe(integers.length * names.length + 1);
  expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
  file.close();
});

function insertInto(replica: Replica): void {
  replica.connection.exec(`INSERT INTO cells (y, name) VALUES (5, 'local')`);
}
