import type BetterSqlite from 'better-sqlite3';
import { shareAwakeTime } from '../../support/awake-time.js';
import { contentOf, databaseBytes, fillWithOddities, recordOf } from '../../support/databases.js';
import { Importing, LAYOUT, reading, rootOf } from './importing.js';

// SQLite reads statistics first and does not check them, so it must never see those of a client's file.

const PATIENCE_MS = 2_000;

const importing = new Importing();
const awake = shareAwakeTime();

// The first import also starts the child process.
beforeAll(() => importing.import(databaseBytes('layout', () => undefined)));
afterAll(() => importing.close());

/** @returns the reason for the refusal; null: the import succeeded */
async function importSoon(bytes: Buffer): Promise<string | null> {
  const startedAt = awake();
  const refusal = await importing.import(bytes);
  expect(awake() - startedAt).toBeLessThan(PATIENCE_MS);
  return refusal;
}

/** A layout in which the table `crsql_s` was turned into a statistics table. */
const withStatistics = (name: string, make: (database: BetterSqlite.Database) => void) =>
  databaseBytes('layout', (database) => {
    database.unsafeMode(true);
    make(database);
    database.exec(`PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET name = '${name}', tbl_name = '${name}', sql = replace(sql, 'crsql_s', '${name}')
      WHERE name = 'crsql_s'`);
  });

describe('statistics', () => {
  test('of an honest database are of no consequence', async () => {
    const bytes = databaseBytes('layout', (database) => {
      fillWithOddities(LAYOUT)(database);
      database.exec('ANALYZE');
    });
    expect(await importSoon(bytes)).toBeNull();
    const tables = (name: string) =>
      reading(importing.source, (database) =>
        database.prepare('SELECT name FROM sqlite_schema WHERE name LIKE ? ORDER BY name').pluck().all(name),
      );
    expect(tables('sqlite_stat%')).toEqual([]);
    expect(tables('crsql__stat%')).toEqual(['crsql__stat1', 'crsql__stat4']);
    expect(contentOf(importing.target, LAYOUT)).toEqual(contentOf(importing.source, LAYOUT));
  });

  test('may ask for memory for each column of each sample, and get none', async () => {
    const columns = Array.from({ length: 2_000 }, (_, index) => `c${index}`).join(',');
    const bytes = withStatistics('sqlite_stat4', (database) =>
      database.exec(`CREATE TABLE crsql_x (${columns}); CREATE INDEX i ON crsql_x (${columns});
        CREATE TABLE crsql_s (tbl, idx, neq, nlt, ndlt, sample);
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
        INSERT INTO crsql_s (idx) SELECT 'i' FROM n`),
    );
    expect(await importSoon(bytes)).toBeNull();
  });

  test.each(['sqlite_stat1', 'SQLITE_Stat1'])('in %s that are worked out are not', async (name) => {
    const bytes = withStatistics(name, (database) =>
      database.exec(`CREATE TABLE crsql_s (tbl, idx, stat AS (1));
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
        INSERT INTO crsql_s (tbl) SELECT i FROM n;
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, 'AS (1)', 'AS (length(hex(zeroblob(100000000 + tbl))))')
        WHERE name = 'crsql_s'`),
    );
    expect(await importSoon(bytes)).toBe('The table "crsql__stat1" has a generated column.');
  });

  test('that share one long value are not read', async () => {
    expect(await importSoon(withSharedValue(650, 33_554_432))).toMatch(/damaged/);
  });

  test('cannot hide behind the names of others, nor behind a comment', async () => {
    expect(await importSoon(withOverlappingRows())).toBe('The schema of the database is damaged.');
    const commented = withStatistics('sqlite_stat1', (database) => {
      database.exec('CREATE TABLE crsql_s (tbl, idx, stat); PRAGMA writable_schema = ON');
      const comment = `/*${'-'.repeat(9_000)}*/`;
      database.exec(`UPDATE sqlite_schema SET sql = replace(sql, 'crsql_s', '${comment} crsql_s')`);
    });
    expect(await importSoon(commented)).toMatch(/damaged/);
  });
});

/**
 * Statistics of so many rows that all share one cell, whose overflow pages form a circle.
 * @param rows at most 681, which fit into a page
 */
function withSharedValue(rows: number, sizeBytes: number): Buffer {
  const good = databaseBytes('layout', (database) =>
    database.exec(`INSERT INTO scenes (id) VALUES ('a'); ANALYZE`),
  );
  const pageBytes = good.readUInt16BE(16);
  const bytes = Buffer.alloc(sizeBytes);
  good.copy(bytes);
  bytes.writeUInt32BE(sizeBytes / pageBytes, 28);
  const circle = good.length / pageBytes + 1;
  bytes.writeUInt32BE(circle, (circle - 1) * pageBytes);

  const valueBytes = sizeBytes - 2 * pageBytes;
  const type = varint(2 * valueBytes + 13);
  const header = Buffer.from([3 + type.length, 0, 0, ...type]);
  const payloadBytes = header.length + valueBytes;
  const least = Math.floor(((pageBytes - 12) * 32) / 255) - 23;
  const preferred = least + ((payloadBytes - least) % (pageBytes - 4));
  const local = Buffer.alloc(preferred <= pageBytes - 35 ? preferred : least);
  header.copy(local);
  const cell = Buffer.concat([varint(payloadBytes), varint(1), local, Buffer.alloc(4)]);
  cell.writeUInt32BE(circle, cell.length - 4);

  const at = pageBytes - cell.length;
  const page = Buffer.alloc(pageBytes);
  page.writeUInt8(13, 0);
  page.writeUInt16BE(rows, 3);
  page.writeUInt16BE(at, 5);
  for (let row = 0; row < rows; row++) page.writeUInt16BE(at, 8 + 2 * row);
  cell.copy(page, at);
  page.copy(bytes, (rootOf(good, 'sqlite_stat1') - 1) * pageBytes);
  return bytes;
}

/** A schema with two statistics tables; the row of the second ends within the name of the first. */
function withOverlappingRows(): Buffer {
  const bytes = databaseBytes('layout', () => undefined);
  const count = bytes.readUInt16BE(103);
  const cellOf = (place: number, record: Buffer) => Buffer.from([record.length, count + place, ...record]);
  const create = 'CREATE TABLE sqlite_stat1(tbl,idx,stat)';
  const first = cellOf(1, recordOf(['table', 'sqlite_stat1', 'sqlite_stat1', 2, create]));
  const shared = first.subarray(0, first.indexOf('sqlite_') + 'sqlite_'.length);
  const comment = `CREATE TABLE sqlite_stat4(a)--${shared.toString('latin1')}`;
  const second = cellOf(2, recordOf(['table', 'sqlite_stat4', 'sqlite_stat4', 3, comment]));

  const secondAt = bytes.readUInt16BE(105) - second.length - first.length + shared.length;
  const firstAt = secondAt + second.length - shared.length;
  second.copy(bytes, secondAt);
  first.copy(bytes, firstAt);
  bytes.writeUInt16BE(count + 2, 103);
  bytes.writeUInt16BE(secondAt, 105);
  bytes.writeUInt16BE(firstAt, 108 + 2 * count);
  bytes.writeUInt16BE(secondAt, 110 + 2 * count);
  return bytes;
}

function varint(value: number): Buffer {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(128 + (rest % 128));
  }
  return Buffer.from(bytes);
}
