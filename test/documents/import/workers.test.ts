import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { DocumentKinds } from '../../../src/documents/kinds.js';
import { contentOf, databaseBytes, fillWithOddities, sqlOf, withCrSqlite } from '../../support/databases.js';
import { kindTemplate } from '../../../src/documents/live/engine/kind-template.js';
import { ignoreChanges } from '../../support/documents.js';
import { makeScratchDir } from '../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../support/small-disk.js';
import { AMPLE, writeLargeLayout } from './importing.js';

const kinds = new DocumentKinds();
const LAYOUT = kinds.get('layout');
const MEBIBYTE = 1_048_576;

const workers = new SqliteWorkers();
const folder = makeScratchDir('workers');
let files = 0;

afterAll(async () => {
  await workers.onModuleDestroy();
  rmSync(folder, { recursive: true });
});

const newFile = () => join(folder, String(files++));

function fileOf(bytes: Uint8Array): string {
  const file = newFile();
  writeFileSync(file, bytes);
  return file;
}

describe('importing a database', () => {
  test.each(kinds.names)('of %s brings every value over exactly', async (name) => {
    const kind = kinds.get(name);
    const source = fileOf(databaseBytes(name, fillWithOddities(kind)));
    const content = contentOf(source, kind);
    const target = newFile();
    const { sizeBytes } = await workers.importDatabase(kind, source, target, AMPLE);
    expect(contentOf(target, kind)).toEqual(content);
    expect(Object.values(content).flat()).toHaveLength(24 * kind.tables.length);
    expect(statSync(target)).toMatchObject({ size: sizeBytes });
    expect(statSync(target).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((file) => file.includes('-'))).toEqual([]);
  });

  test.each(kinds.names)('of %s leaves behind what CR-SQLite and others added', async (name) => {
    const kind = kinds.get(name);
    const bytes = databaseBytes(name, (database) => {
      fillWithOddities(kind)(database);
      withCrSqlite(kind)(database);
      for (const table of kind.tables) database.exec(`CREATE INDEX own_${table.name} ON ${table.name} (id)`);
      database.exec('ANALYZE');
    });
    const source = fileOf(bytes);
    const target = newFile();
    await workers.importDatabase(kind, source, target, AMPLE);
    expect(contentOf(target, kind)).toEqual(contentOf(source, kind));
    const empty = databaseBytes(name, () => undefined);
    const statements = await kindTemplate(kind);
    const merging = databaseBytes(name, (database) => statements.forEach((sql) => database.exec(sql)));
    expect(schemaOf(target)).toEqual(schemaOf(fileOf(merging)));
    expect(schemaOf(target)).toEqual(expect.arrayContaining(schemaOf(fileOf(empty))));
    const opened = new BetterSqlite(target);
    ignoreChanges(opened);
    expect(() => opened.exec(`UPDATE ${kind.tables[0]!.name} SET id = 'x'`)).toThrow(
      'a primary key does not change',
    );
  });

  test('takes one whose tables are not strict, as long as its rows are', async () => {
    const bytes = databaseBytes(null, (database) => {
      database.exec(sqlOf('layout').replaceAll('STRICT', ''));
      fillWithOddities(LAYOUT)(database);
      database.pragma('user_version = 0');
    });
    const source = fileOf(bytes);
    const target = newFile();
    await workers.importDatabase(LAYOUT, source, target, AMPLE);
    expect(contentOf(target, LAYOUT)).toEqual(contentOf(source, LAYOUT));
  });

  test('takes columns in another order, by their names', async () => {
    const sql = sqlOf('layout').replace(
      /CREATE TABLE scenes [^;]*;/,
      `CREATE TABLE scenes (background TEXT NOT NULL, duration_ms INTEGER NOT NULL, id TEXT PRIMARY KEY NOT NULL,
        position REAL NOT NULL) WITHOUT ROWID;`,
    );
    const bytes = databaseBytes(null, (database) => {
      database.exec(sql);
      fillWithOddities(LAYOUT)(database);
    });
    const source = fileOf(bytes);
    const target = newFile();
    await workers.importDatabase(LAYOUT, source, target, AMPLE);
    expect(contentOf(target, LAYOUT)).toEqual(contentOf(source, LAYOUT));
  });

  test('takes what other sizes of pages, WAL and vacuuming left in the header', async () => {
    for (const pragma of ['page_size = 512', 'page_size = 65536', 'auto_vacuum = FULL']) {
      const bytes = databaseBytes(null, (database) => {
        database.pragma(pragma);
        database.exec(sqlOf('layout'));
        fillWithOddities(LAYOUT)(database);
      });
      const source = fileOf(bytes);
      const content = contentOf(source, LAYOUT);
      bytes[18] = bytes[19] = 2;
      const target = newFile();
      await workers.importDatabase(LAYOUT, fileOf(bytes), target, AMPLE);
      expect(contentOf(target, LAYOUT)).toEqual(content);
    }
  });

  test('leaves a file alone that is there already', async () => {
    const source = fileOf(databaseBytes('layout', () => undefined));
    const target = fileOf(Buffer.from('mine'));
    await expect(workers.importDatabase(LAYOUT, source, target, AMPLE)).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(statSync(target).size).toBe(4);
  });
});

describe('a copy', () => {
  test('holds what the database holds', async () => {
    const source = fileOf(databaseBytes('layout', fillWithOddities(LAYOUT)));
    const target = newFile();
    const { sizeBytes } = await workers.copy(source, target);
    expect(contentOf(target, LAYOUT)).toEqual(contentOf(source, LAYOUT));
    expect(statSync(target).size).toBe(sizeBytes);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    await workers.check(target);
  });

  test('of what is not there, or no database, fails in words and leaves nothing', async () => {
    const target = newFile();
    await expect(workers.copy(newFile(), target)).rejects.toThrow(/SQLITE_CANTOPEN|unable to open/);
    await expect(workers.copy(fileOf(Buffer.alloc(9_000, 'x')), target)).rejects.toThrow('SQLITE_NOTADB');
    expect(existsSync(target)).toBe(false);
  });
});

test('checking names the first things that are wrong', async () => {
  const bytes = databaseBytes('layout', fillWithOddities(LAYOUT));
  bytes.fill(0, bytes.length - 3 * 4096, bytes.length - 4096);
  await expect(workers.check(fileOf(bytes))).rejects.toThrow(/The database is damaged: .*[Pp]age/);
  await expect(workers.check(newFile())).rejects.toThrow(/unable to open/);
  await workers.check(fileOf(databaseBytes('layout', fillWithOddities(LAYOUT))));
});

describeWithSmallDisk('a full disk', () => {
  test('stops imports and copies, which leave nothing, and there is room for small ones', async () => {
    using disk = SmallDisk.mount(4);
    const large = newFile();
    writeLargeLayout(large, 8 * MEBIBYTE);
    const target = join(disk.path, 'target');
    const full = { code: 'DISK_FULL', details: { retry_after: expect.any(Number) } };
    await expect(workers.importDatabase(LAYOUT, large, target, AMPLE)).rejects.toMatchObject(full);
    await expect(workers.copy(large, target)).rejects.toMatchObject(full);
    expect(readdirSync(disk.path)).toEqual([]);
    await workers.importDatabase(LAYOUT, fileOf(databaseBytes('layout', () => undefined)), target, AMPLE);
  });
});

function schemaOf(file: string): unknown[] {
  const database = new BetterSqlite(file, { readonly: true });
  const schema = database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all();
  const version = database.pragma('user_version', { simple: true });
  database.close();
  return [version, ...schema];
}
