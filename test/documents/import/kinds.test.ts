import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DocumentKinds } from '../../../src/documents/kinds.js';
import { AppStartError } from '../../../src/foundation/errors/app-start-error.js';
import { makeScratchDir } from '../../support/scratch.js';

const GUARD = `CREATE TRIGGER notes_keep_their_id BEFORE UPDATE OF id ON notes WHEN NEW.id IS NOT OLD.id BEGIN
  SELECT RAISE(ABORT, 'no');
END;`;
const VERSION = 'PRAGMA user_version = 3;';
const TABLE = `CREATE TABLE notes (id TEXT PRIMARY KEY NOT NULL, text TEXT NOT NULL DEFAULT '') STRICT;`;

const folder = makeScratchDir('kinds');
let folders = 0;

afterAll(() => rmSync(folder, { recursive: true }));

function load(files: Record<string, string>): DocumentKinds {
  const own = join(folder, String(folders++));
  mkdirSync(own);
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(own, name), sql);
  return new DocumentKinds(own);
}

describe('the kinds of documents', () => {
  test('there are captions and layouts', () => {
    const kinds = new DocumentKinds();
    expect(kinds.names).toEqual(['captions', 'layout']);
    expect(kinds.get('layout')).toMatchObject({ name: 'layout', version: 1 });
    expect(kinds.get('layout').tables.map(({ name }) => name)).toEqual(['elements', 'scenes']);
    expect(kinds.get('captions').tables[0]!.columns[0]).toEqual({
      name: 'id',
      type: 'TEXT',
      isNotNull: true,
      keyPlace: 1,
    });
    expect(Object.keys(kinds.get('captions').objects).sort()).toEqual([
      'cues_by_start',
      'cues_keep_their_id',
      'speakers_keep_their_id',
    ]);
  });

  test.each(['none', '__proto__', 'constructor', 'layout.sql', ''])('%j is none of them', (name) => {
    expect(() => new DocumentKinds().get(name)).toThrow(
      expect.objectContaining({
        code: 'NOT_FOUND',
        details: { detail: expect.stringContaining('captions, layout') },
      }),
    );
  });

  test('a new kind is one new file', () => {
    const kinds = load({ 'notes.sql': VERSION + TABLE + GUARD, 'README.md': 'not a kind' });
    expect(kinds.names).toEqual(['notes']);
    expect(kinds.get('notes').version).toBe(3);
    expect(kinds.get('notes').objects.notes_keep_their_id).toBe(
      `CREATE TRIGGER notes_keep_their_id BEFORE UPDATE OF id ON notes WHEN NEW.id IS NOT OLD.id BEGIN SELECT RAISE(ABORT, 'no'); END`,
    );
  });

  test('keys of several columns are guarded one by one', () => {
    const table =
      'CREATE TABLE notes (id TEXT NOT NULL, page INTEGER NOT NULL, PRIMARY KEY (page, id)) STRICT;';
    expect(() => load({ 'notes.sql': VERSION + table + GUARD })).toThrow('its key page');
    const both = GUARD.replace('OF id', 'OF id, page').replace('WHEN NEW.id IS NOT OLD.id ', '');
    expect(load({ 'notes.sql': VERSION + table + both }).get('notes').tables[0]!.columns).toMatchObject([
      { name: 'id', keyPlace: 2 },
      { name: 'page', keyPlace: 1 },
    ]);
  });

  test.each<[rule: string, sql: string, fault: string]>([
    ['is SQL', 'CREATE TABEL notes', 'syntax error'],
    ['has a version', TABLE + GUARD, 'user_version'],
    ['has a table', VERSION, 'no table'],
    ['is strict', VERSION + TABLE.replace('STRICT', '') + GUARD, 'notes must be STRICT'],
    [
      'has keys',
      VERSION + `CREATE TABLE notes (id TEXT NOT NULL DEFAULT '') STRICT;` + GUARD,
      'a primary key',
    ],
    [
      'has keys that are not null',
      VERSION + TABLE.replace('TEXT PRIMARY KEY NOT NULL', 'INTEGER PRIMARY KEY') + GUARD,
      'its key id NOT NULL',
    ],
    ['has keys of text or integers', VERSION + TABLE.replace('TEXT', 'BLOB') + GUARD, 'TEXT or INTEGER'],
    ['has defaults', VERSION + TABLE.replace(` DEFAULT ''`, '') + GUARD, 'a default for its column text'],
    ['has no unique columns', VERSION + TABLE.replace(`''`, `'' UNIQUE`) + GUARD, 'unique'],
    ['has no unique indexes', VERSION + TABLE + GUARD + 'CREATE UNIQUE INDEX u ON notes (text);', 'unique'],
    [
      'has no foreign keys',
      VERSION + TABLE.replace(`''`, `'' REFERENCES notes (id)`) + GUARD,
      'foreign keys',
    ],
    ['guards its keys', VERSION + TABLE, 'BEFORE UPDATE OF its key id'],
    ['guards them before', VERSION + TABLE + GUARD.replace('BEFORE', 'AFTER'), 'BEFORE UPDATE OF its key id'],
    ['guards by aborting', VERSION + TABLE + GUARD.replace('ABORT,', 'IGNORE);--'), 'notes'],
    ['guards in every case', VERSION + TABLE + GUARD.replace('NEW.id IS NOT OLD.id', '0'), 'that aborts'],
    [
      'has no generated columns',
      VERSION + TABLE.replace(`DEFAULT ''`, 'AS (id)') + GUARD,
      'generated column text',
    ],
    ['takes rows of defaults', VERSION + TABLE.replace(`''`, `'' CHECK (text > '')`) + GUARD, 'only a key'],
    ['has no views', VERSION + TABLE + GUARD + 'CREATE VIEW v AS SELECT 1;', 'v is a view'],
    [
      'has no virtual tables',
      VERSION + TABLE + GUARD + 'CREATE VIRTUAL TABLE f USING fts5(a);',
      'only tables can be merged',
    ],
    [
      'has plain names of tables',
      VERSION + (TABLE + GUARD).replaceAll('notes', 'Notes'),
      'lower-case letters',
    ],
    [
      'has plain names of columns',
      VERSION + TABLE.replace('text TEXT', '"my text" TEXT') + GUARD,
      'lower-case',
    ],
    ['does not pose as CR-SQLite', VERSION + (TABLE + GUARD).replaceAll('notes', 'crsql_notes'), 'CR-SQLite'],
  ])('one that no longer %s stops the start, with file and fault', (_rule, sql, fault) => {
    const start = () => load({ 'notes.sql': sql });
    expect(start).toThrow(AppStartError);
    expect(start).toThrow('notes.sql: ');
    expect(start).toThrow(fault);
  });

  test('a kind has a plain name', () => {
    expect(() => load({ 'My Notes.sql': VERSION + TABLE + GUARD })).toThrow('My Notes.sql: the name');
  });
});
