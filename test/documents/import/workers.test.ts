import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { Piscina } from 'piscina';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { DocumentKinds } from '../../../src/documents/kinds.js';
import { contentOf, databaseBytes, fillWithOddities, sqlOf, withCrSqlite } from '../../support/databases.js';
import { makeScratchDir } from '../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../support/small-disk.js';
import { AMPLE } from './importing.js';

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

/** A layout with elements of about so many bytes. */
function largeLayout(bytes: number): string {
  const file = newFile();
  const database = new BetterSqlite(file);
  database.pragma('journal_mode = OFF');
  database.pragma('synchronous = OFF');
  database.exec(sqlOf('layout'));
  database
    .prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO elements (id, scene_id, x, thumbnail)
       SELECT lower(hex(randomblob(12))), 'scene-' || i % 50, i * 1.5, randomblob(1000) FROM n`,
    )
    .run(Math.ceil(bytes / 1_100));
  database.close();
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
    expect(schemaOf(target)).toEqual(schemaOf(fileOf(databaseBytes(name, () => undefined))));
    expect(() => new BetterSqlite(target).exec(`UPDATE ${kind.tables[0]!.name} SET id = 'x'`)).toThrow(
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

describe('a snapshot', () => {
  test('holds what the database holds', async () => {
    const source = fileOf(databaseBytes('layout', fillWithOddities(LAYOUT)));
    const target = newFile();
    const { sizeBytes } = await workers.snapshot(source, target);
    expect(contentOf(target, LAYOUT)).toEqual(contentOf(source, LAYOUT));
    expect(statSync(target).size).toBe(sizeBytes);
    expect(statSync(target).mode & 0o777).toBe(0o600);
    await workers.check(target);
  });

  test('of what is not there, or no database, fails in words and leaves nothing', async () => {
    const target = newFile();
    await expect(workers.snapshot(newFile(), target)).rejects.toThrow(/SQLITE_CANTOPEN|unable to open/);
    await expect(workers.snapshot(fileOf(Buffer.alloc(9_000, 'x')), target)).rejects.toThrow('SQLITE_NOTADB');
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

test('a thread that dies fails its own task only', async () => {
  const own = new SqliteWorkers();
  const source = largeLayout(150 * MEBIBYTE);
  const targets = [newFile(), newFile()];
  const tasks = Promise.allSettled(targets.map((target) => own.snapshot(source, target)));
  const { pool } = own as unknown as { pool: Piscina };
  await until(() => targets.every((target) => sizeOf(target) > MEBIBYTE));
  await pool.threads[0]!.terminate();
  const outcomes = (await tasks).map(({ status }) => status);
  expect(outcomes.sort()).toEqual(['fulfilled', 'rejected']);
  expect(targets.filter((target) => existsSync(target))).toHaveLength(1);
  await own.snapshot(source, newFile());
  await own.onModuleDestroy();
});

test('the main thread stays free while a large database is imported', async () => {
  const source = largeLayout(200 * MEBIBYTE);
  await workers.check(fileOf(databaseBytes('layout', () => undefined)));
  const before = performance.eventLoopUtilization();
  await workers.importDatabase(LAYOUT, source, newFile(), AMPLE);
  const { utilization } = performance.eventLoopUtilization(before);
  expect(utilization).toBeLessThan(0.1);
});

describeWithSmallDisk('a full disk', () => {
  test('stops imports and snapshots, which leave nothing, and there is room for small ones', async () => {
    using disk = SmallDisk.mount(4);
    const large = largeLayout(8 * MEBIBYTE);
    const target = join(disk.path, 'target');
    const full = { code: 'DISK_FULL', details: { retry_after: expect.any(Number) } };
    await expect(workers.importDatabase(LAYOUT, large, target, AMPLE)).rejects.toMatchObject(full);
    await expect(workers.snapshot(large, target)).rejects.toMatchObject(full);
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

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not come about in time.');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
