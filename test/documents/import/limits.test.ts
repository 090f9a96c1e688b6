import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { databaseBytes, sqlOf } from '../../support/databases.js';
import { makeScratchDir } from '../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../support/small-disk.js';
import { AMPLE, LAYOUT } from './importing.js';

const MEBIBYTE = 1_048_576;

const workers = new SqliteWorkers();
const folder = makeScratchDir('limits');
const source = join(folder, 'source');
const target = join(folder, 'target');

afterAll(async () => {
  await workers.onModuleDestroy();
  rmSync(folder, { recursive: true });
});

async function importInto(file: string, bytes: Uint8Array, maxBytes: number): Promise<number> {
  writeFileSync(source, bytes);
  rmSync(file, { force: true });
  return (await workers.importDatabase(LAYOUT, source, file, maxBytes)).sizeBytes;
}

async function expectTooLarge(file: string, bytes: Uint8Array, maxBytes: number): Promise<void> {
  await expect(importInto(file, bytes, maxBytes)).rejects.toMatchObject({
    code: 'BODY_TOO_LARGE',
    details: { detail: `A document may have ${maxBytes} bytes at most.` },
  });
  expect(existsSync(file)).toBe(false);
}

/** Elements with thumbnails, in random order. */
const layoutOf = (rows: number, thumbnailBytes: number) =>
  databaseBytes('layout', (database) =>
    database.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      INSERT INTO elements (id, thumbnail) SELECT hex(randomblob(8)), zeroblob(${thumbnailBytes}) FROM n`),
  );

/** Elements with keys only; all other values are defaults of columns that were added afterwards. */
function layoutOfDefaults(rows: number): Buffer {
  const columns = /CREATE TABLE elements \(([^;]*)\) STRICT/.exec(sqlOf('layout'))![1]!.trim().split(',\n');
  return databaseBytes('layout', (database) => {
    database.exec(`DROP TABLE elements; CREATE TABLE elements (${columns[0]}) WITHOUT ROWID, STRICT;
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
      INSERT INTO elements (id) SELECT printf('%05d', i) FROM n`);
    for (const column of columns.slice(1)) database.exec(`ALTER TABLE elements ADD COLUMN ${column}`);
  });
}

describe('a database that may have so many bytes', () => {
  test('may have exactly as many', async () => {
    const bytes = layoutOf(2_000, 100);
    const sizeBytes = await importInto(target, bytes, AMPLE);
    expect(await importInto(target, bytes, sizeBytes)).toBe(sizeBytes);
    await expectTooLarge(target, bytes, sizeBytes - 1);
    await expectTooLarge(target, bytes, 5_000);
    await expectTooLarge(target, bytes, 0);
  });

  test('may not grow beyond them when its rows are written out', async () => {
    const bytes = layoutOfDefaults(30_000);
    expect(bytes.length).toBeLessThan(MEBIBYTE / 2);
    await expectTooLarge(target, bytes, MEBIBYTE);
    expect(await importInto(target, bytes, AMPLE)).toBeGreaterThan(4 * bytes.length);
  });

  test('may not when most of it is on the disk already', async () => {
    await expectTooLarge(target, layoutOf(130_000, 1_000), 120 * MEBIBYTE);
  });
});

describeWithSmallDisk('a disk with less room than a document may take', () => {
  test('is full, and one with more room is not', async () => {
    using disk = SmallDisk.mount(4);
    const file = join(disk.path, 'target');
    const bytes = layoutOf(8_000, 1_000);
    for (const maxBytes of [6 * MEBIBYTE, 7 * MEBIBYTE, AMPLE]) {
      await expect(importInto(file, bytes, maxBytes)).rejects.toMatchObject({ code: 'DISK_FULL' });
    }
    await expectTooLarge(file, bytes, 2 * MEBIBYTE);
    expect(readdirSync(disk.path)).toEqual([]);
  });
});
