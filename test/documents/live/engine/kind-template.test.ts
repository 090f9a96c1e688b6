import { rmSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { kindTemplate } from '../../../../src/documents/live/engine/kind-template.js';
import {
  bodyOf,
  kindNamed,
  makeCopy,
  newPath,
  openCopy,
  packedKey,
  startEngine,
} from '../../../support/merging.js';
import { makeScratchDir } from '../../../support/scratch.js';

const folder = makeScratchDir('template');
afterAll(() => rmSync(folder, { recursive: true }));
const SITE = '0123456789abcdef0123456789abcdef';

test('captions take 18 tables, indexes and triggers and three rows, the same each time', async () => {
  const statements = await kindTemplate(kindNamed('captions'));
  expect(statements.filter((sql) => sql.startsWith('CREATE'))).toHaveLength(18);
  expect(statements.filter((sql) => sql.startsWith('INSERT'))).toHaveLength(3);
  expect(await kindTemplate(kindNamed('captions'))).toEqual(statements);
});

test.each(['captions', 'layout'])(
  'an imported database of the kind %s is at version 1 and merges',
  async (name) => {
    const kind = kindNamed(name);
    const [table] = kind.tables;
    const path = newPath(folder);
    await makeCopy(path, kind, `INSERT INTO ${table!.name} (id) VALUES ('imported')`);
    const database = openCopy(await startEngine(), path, kind);
    expect(database.version).toBe(1);
    expect(database.siteId).toMatch(/^[0-9a-f]{32}$/);
    expect(database.count(0, 1)).toEqual({ rows: 0, bytes: 0 });
    const body = bodyOf(SITE, [{ table: table!.name, key: packedKey('new'), column: '-1', value: null }]);
    expect(database.apply(body, SITE)).toEqual({ version: 2, rows: 1 });
    database.commit();
    database.close();

    const file = new BetterSqlite(path, { readonly: true });
    expect(file.prepare(`SELECT id FROM ${table!.name} ORDER BY id`).pluck().all()).toEqual([
      'imported',
      'new',
    ]);
    expect(file.pragma('integrity_check', { simple: true })).toBe('ok');
    file.close();
  },
);

test('two imports of the same contents are two replicas', async () => {
  const kind = kindNamed('captions');
  const engine = await startEngine();
  const sites = [];
  for (let at = 0; at < 2; at += 1) {
    const path = newPath(folder);
    await makeCopy(path, kind);
    const database = openCopy(engine, path, kind);
    sites.push(database.siteId);
    database.close();
  }
  expect(new Set(sites).size).toBe(2);
});
