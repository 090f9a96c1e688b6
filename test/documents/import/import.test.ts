import { existsSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { DocumentKinds } from '../../../src/documents/kinds.js';
import { databaseBytes, forgedLayout, sqlOf } from '../../support/databases.js';
import { ignoreChanges } from '../../support/documents.js';
import { makeScratchDir } from '../../support/scratch.js';
import { AMPLE } from './importing.js';

const workers = new SqliteWorkers();
const kinds = new DocumentKinds();
const folder = makeScratchDir('import');
const source = join(folder, 'source');
const target = join(folder, 'target.db');

beforeEach(async () => {
  for (const file of [source, target]) await rm(file, { force: true });
});
afterAll(async () => {
  await workers.onModuleDestroy();
  await rm(folder, { recursive: true, force: true });
});

async function importBytes(bytes: Uint8Array, kind = 'layout'): Promise<BetterSqlite.Database> {
  writeFileSync(source, bytes);
  await workers.importDatabase(kinds.get(kind), source, target, AMPLE);
  return new BetterSqlite(target, { readonly: true });
}

async function expectRefused(bytes: Uint8Array, detail: RegExp): Promise<void> {
  await expect(importBytes(bytes)).rejects.toMatchObject({
    code: 'DOCUMENT_INVALID',
    details: { detail: expect.stringMatching(detail) },
  });
  await rm(target, { force: true });
  (await importBytes(databaseBytes('layout', () => undefined))).close();
}

function noisy(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

describe('a database of the kind', () => {
  test('arrives exactly: 64-bit integers, reals, texts with NUL, blobs, nulls', async () => {
    const bytes = databaseBytes('layout', (database) => {
      database.exec(`
        INSERT INTO scenes VALUES ('min', 1.5, -9223372036854775808, char(97, 0, 98)), ('max', 2, 9223372036854775807, 'é😀');
        INSERT INTO elements (id, asset_id, thumbnail) VALUES ('e', NULL, x'00ff00');`);
    });
    using copy = closing(await importBytes(bytes));
    const rows = copy.database
      .prepare(
        'SELECT id, position, typeof(position) AS t, cast(duration_ms AS text) AS d, hex(background) AS b FROM scenes ORDER BY id',
      )
      .all();
    expect(rows).toEqual([
      { id: 'max', position: 2, t: 'real', d: '9223372036854775807', b: 'C3A9F09F9880' },
      { id: 'min', position: 1.5, t: 'real', d: '-9223372036854775808', b: '610062' },
    ]);
    expect(copy.database.prepare('SELECT hex(thumbnail) AS t, asset_id FROM elements').get()).toEqual({
      t: '00FF00',
      asset_id: null,
    });
    expect(copy.database.pragma('journal_mode', { simple: true })).toBe('delete');
    using opened = closing(new BetterSqlite(target));
    ignoreChanges(opened.database);
    expect(() => opened.database.exec(`UPDATE scenes SET id = 'x'`)).toThrow(/primary key/);
  });

  test.each(['layout', 'captions'])('%s may be empty', async (kind) => {
    using copy = closing(
      await importBytes(
        databaseBytes(kind, () => undefined),
        kind,
      ),
    );
    expect(copy.database.pragma('user_version', { simple: true })).toBe(1);
  });

  test('brings neither indexes of its own along nor the tables of CR-SQLite, which are made anew', async () => {
    const bytes = databaseBytes('layout', (database) => {
      database.exec(`
        CREATE TABLE scenes__crsql_clock (key INTEGER, col_name TEXT);
        CREATE TABLE scenes__crsql_pks (__crsql_key INTEGER PRIMARY KEY, id TEXT);
        CREATE TABLE crsql_site_id (site_id BLOB, ordinal INTEGER PRIMARY KEY);
        INSERT INTO crsql_site_id VALUES (x'00', 0), (x'01', 1);
        INSERT INTO scenes__crsql_clock VALUES (1, 'background');
        CREATE TABLE __crsql_tables (name TEXT);
        CREATE TRIGGER scenes__crsql_itrig AFTER INSERT ON scenes BEGIN SELECT 1; END;
        CREATE INDEX my_own ON scenes (background);
        INSERT INTO scenes (id) VALUES ('a');`);
    });
    using copy = closing(await importBytes(bytes));
    const names = copy.database
      .prepare(
        `SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE '%crsql%' ORDER BY name`,
      )
      .pluck()
      .all();
    expect(names).toEqual([
      'elements',
      'elements_by_scene',
      'elements_keep_their_id',
      'scenes',
      'scenes_keep_their_id',
    ]);
    expect(copy.database.prepare('SELECT count(*) FROM scenes').pluck().get()).toBe(1);
    const made = (sql: string) => copy.database.prepare(sql).pluck().all();
    expect(made(`SELECT sql FROM sqlite_schema WHERE name = 'scenes__crsql_itrig'`)[0]).not.toContain(
      'SELECT 1;',
    );
    expect(made('SELECT length(site_id) FROM crsql_site_id')).toEqual([16]);
    expect(made('SELECT count(*) FROM scenes__crsql_clock')).toEqual([0]);
  });

  test('may have been written with a WAL', async () => {
    const bytes = databaseBytes('layout', (database) =>
      database.exec(`INSERT INTO scenes (id) VALUES ('a')`),
    );
    bytes[18] = bytes[19] = 2;
    using copy = closing(await importBytes(bytes));
    expect(copy.database.prepare('SELECT count(*) FROM scenes').pluck().get()).toBe(1);
    expect(existsSync(`${source}-wal`)).toBe(false);
  });
});

describe('anything else is refused, and the next import works', () => {
  const withSql = (sql: string) => databaseBytes('layout', (database) => database.exec(sql));
  const madeOf = (sql: string) => databaseBytes(null, (database) => database.exec(sql));
  const elements = `CREATE TABLE elements (id TEXT PRIMARY KEY NOT NULL, scene_id TEXT NOT NULL DEFAULT '', type TEXT NOT NULL DEFAULT '',
    x REAL NOT NULL DEFAULT 0, y REAL NOT NULL DEFAULT 0, width REAL NOT NULL DEFAULT 0, height REAL NOT NULL DEFAULT 0,
    z_index INTEGER NOT NULL DEFAULT 0, style TEXT NOT NULL DEFAULT '{}', asset_id TEXT, thumbnail BLOB);`;
  const scenes = (columns: string) => `CREATE TABLE scenes (${columns});`;

  test.each<[string, () => Uint8Array, RegExp]>([
    ['a text', () => Buffer.from('hello'.repeat(100)), /no SQLite database/],
    ['nothing', () => Buffer.alloc(0), /no SQLite database/],
    ['a header alone', () => databaseBytes('layout', () => undefined).subarray(0, 100), /damaged/],
    ['half a database', () => databaseBytes('layout', () => undefined).subarray(0, 9_000), /damaged/],
    ['another kind', () => databaseBytes('captions', () => undefined), /does not belong|missing/],
    [
      'an empty database',
      () => madeOf('PRAGMA user_version = 1; CREATE TABLE t (a); DROP TABLE t'),
      /missing/,
    ],
    ['a later version', () => withSql('PRAGMA user_version = 2'), /version 2/],
    ['a table of its own', () => withSql('CREATE TABLE mine (a)'), /"mine" does not belong/],
    [
      'a trigger',
      () => withSql('CREATE TRIGGER t AFTER INSERT ON scenes BEGIN SELECT 1; END'),
      /trigger "t"/,
    ],
    [
      'a changed trigger of the kind',
      () =>
        withSql(
          'DROP TRIGGER scenes_keep_their_id; CREATE TRIGGER scenes_keep_their_id AFTER INSERT ON scenes BEGIN SELECT 1; END',
        ),
      /trigger "scenes_keep_their_id"/,
    ],
    ['a view', () => withSql('CREATE VIEW v AS SELECT 1'), /view "v"/],
    [
      'a view called as a table of the kind',
      () => withSql('DROP TABLE elements; CREATE VIEW elements AS SELECT 1'),
      /elements/,
    ],
    ['a virtual table', () => withSql('CREATE VIRTUAL TABLE search USING fts5(a)'), /"search/],
    [
      'a virtual table called as a table of the kind',
      () => withSql('DROP TABLE elements; CREATE VIRTUAL TABLE elements USING fts5(id)'),
      /elements/,
    ],
    ['a missing table', () => withSql('DROP TABLE elements'), /elements is missing/],
    ['an additional column', () => withSql('ALTER TABLE scenes ADD COLUMN more TEXT'), /scenes\."more"/],
    [
      'a missing column',
      () => withSql('ALTER TABLE scenes DROP COLUMN background'),
      /scenes\.background is missing/,
    ],
    [
      'a generated column',
      () => withSql(`ALTER TABLE scenes ADD COLUMN g TEXT AS (background) VIRTUAL`),
      /scenes\."g"/,
    ],
    [
      'a column of another type',
      () =>
        madeOf(
          `${elements} ${scenes(`id TEXT PRIMARY KEY NOT NULL, position TEXT NOT NULL DEFAULT 0, duration_ms INTEGER NOT NULL DEFAULT 0, background TEXT NOT NULL DEFAULT ''`)}`,
        ),
      /position/,
    ],
    [
      'another primary key',
      () =>
        madeOf(
          `${elements} ${scenes(`id TEXT NOT NULL, position REAL PRIMARY KEY NOT NULL, duration_ms INTEGER NOT NULL DEFAULT 0, background TEXT NOT NULL DEFAULT ''`)}`,
        ),
      /scenes/,
    ],
    [
      'a value that is not of its column’s type',
      () =>
        madeOf(
          `${elements} ${scenes(`id TEXT PRIMARY KEY NOT NULL, position REAL NOT NULL DEFAULT 0, duration_ms INTEGER NOT NULL DEFAULT 0, background TEXT NOT NULL DEFAULT ''`)} INSERT INTO scenes (id, duration_ms) VALUES ('a', 'soon')`,
        ),
      /row of scenes/,
    ],
    [
      'texts in UTF-16',
      () => madeOf(`PRAGMA encoding = 'UTF-16le'; ${sqlOf('layout')} INSERT INTO scenes (id) VALUES ('a')`),
      /must be in UTF-8/,
    ],
    [
      'a schema that is no SQL',
      () => forgedLayout(`UPDATE sqlite_schema SET sql = 'CREATE TABLE scenes (' WHERE name = 'scenes'`),
      /damaged/,
    ],
    [
      'a virtual table of a module that does not exist',
      () =>
        forgedLayout(
          `INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING none(a)')`,
        ),
      /odd/,
    ],
    [
      'tables that share their pages',
      () =>
        forgedLayout(
          `UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'scenes') WHERE name = 'elements'`,
        ),
      /damaged/,
    ],
  ])('%s', async (_name, make, detail) => expectRefused(make(), detail));

  test('pages overwritten at random are refused, or what is taken is sound', async () => {
    const seed = Number(process.env.TIDEMARK_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const random = noisy(seed);
    const good = databaseBytes('layout', (database) => {
      const insert = database.prepare(
        'INSERT INTO elements (id, style, thumbnail) VALUES (?, ?, randomblob(700))',
      );
      for (let n = 0; n < 300; n += 1) insert.run(`element-${n}`, 'x'.repeat(n));
    });
    let refused = 0;
    for (let round = 0; round < 60; round += 1) {
      const bytes = Buffer.from(good);
      const count = 1 + Math.floor(random() * 30);
      for (let n = 0; n < count; n += 1) {
        bytes[100 + Math.floor(random() * (bytes.length - 100))] = Math.floor(random() * 256);
      }
      await rm(target, { force: true });
      try {
        using copy = closing(await importBytes(bytes));
        expect({ seed, check: copy.database.pragma('integrity_check', { simple: true }) }).toEqual({
          seed,
          check: 'ok',
        });
      } catch (error) {
        expect({ seed, code: (error as { code?: string }).code }).toEqual({ seed, code: 'DOCUMENT_INVALID' });
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

function closing(database: BetterSqlite.Database): { database: BetterSqlite.Database } & Disposable {
  return { database, [Symbol.dispose]: () => void database.close() };
}
