import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { DocumentKind } from '../../src/documents/kinds.js';

/** The SQL that makes an empty document of a kind. */
export function sqlOf(kind: string): string {
  return readFileSync(join(process.cwd(), 'src', 'documents', 'kinds', `${kind}.sql`), 'utf8');
}

/** The bytes of a database filled by `fill`. @param kind whose tables it has from the start; null: none */
export function databaseBytes(kind: string | null, fill: (database: BetterSqlite.Database) => void): Buffer {
  const database = new BetterSqlite(':memory:');
  try {
    if (kind) database.exec(sqlOf(kind));
    fill(database);
    return database.serialize();
  } finally {
    database.close();
  }
}

/** A layout whose schema was edited directly, without SQLite's checks. */
export function forgedLayout(sql: string): Buffer {
  return databaseBytes('layout', (database) => {
    database.unsafeMode(true);
    database.pragma('writable_schema = ON');
    database.exec(sql);
  });
}

/** Fills every table with one row for each value that is easily lost: int64 limits, NUL in text, blobs, reals. */
export function fillWithOddities(kind: DocumentKind): (database: BetterSqlite.Database) => void {
  const values: Record<string, unknown[]> = {
    TEXT: ['', 'plain', 'a\0b\0', '\0', '🙂 ﷽ é e\u0301', '42', '4.20', "'; --", 'x'.repeat(20_000)],
    INTEGER: [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, 2n ** 31n],
    REAL: [0, -0.0, 1, 0.1, 1e308, 5e-324, -1.5, 2 ** 53, 2 ** -1022],
    BLOB: [null, Buffer.alloc(0), Buffer.from([0, 255, 0]), Buffer.alloc(70_000, 7), Buffer.from('text')],
  };
  return (database) => {
    for (const { name, columns } of kind.tables) {
      const list = columns.map((column) => `"${column.name}"`).join(', ');
      const insert = database.prepare(
        `INSERT INTO "${name}" (${list}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
      for (let row = 0; row < 24; row++) {
        insert.run(
          columns.map(({ type, keyPlace, isNotNull }, place) => {
            if (keyPlace > 0) return type === 'TEXT' ? `key\0${row}` : BigInt(row);
            if (!isNotNull && row % 4 === 0) return null;
            const choice = values[type]!;
            return choice[(row + place) % choice.length];
          }),
        );
      }
    }
  };
}

/** Adds what CR-SQLite 0.16 leaves in a database: its own tables, a clock table per table, and triggers. */
export function withCrSqlite(kind: DocumentKind): (database: BetterSqlite.Database) => void {
  return (database) => {
    database.exec(`
      CREATE TABLE "crsql_master" ("key" TEXT PRIMARY KEY, "value" ANY);
      CREATE TABLE "crsql_site_id" (site_id BLOB NOT NULL, ordinal INTEGER PRIMARY KEY AUTOINCREMENT);
      CREATE UNIQUE INDEX crsql_site_id_site_id ON "crsql_site_id" (site_id);
      CREATE TABLE "crsql_tracked_peers" ("site_id" BLOB NOT NULL, "version" INTEGER NOT NULL, PRIMARY KEY ("site_id")) STRICT;
      CREATE TABLE __crsql_wdb (a);
      INSERT INTO crsql_site_id (site_id) VALUES (randomblob(16));
    `);
    for (const { name } of kind.tables) {
      database.exec(`
        CREATE TABLE "${name}__crsql_clock" (key INTEGER NOT NULL, col_name TEXT NOT NULL, col_version INTEGER NOT NULL,
          db_version INTEGER NOT NULL, site_id INTEGER NOT NULL DEFAULT 0, seq INTEGER NOT NULL,
          PRIMARY KEY (key, col_name)) WITHOUT ROWID, STRICT;
        CREATE INDEX "${name}__crsql_clock_dbv_idx" ON "${name}__crsql_clock" ("db_version");
        CREATE TABLE "${name}__crsql_pks" (__crsql_key INTEGER PRIMARY KEY, "id");
        CREATE UNIQUE INDEX "${name}__crsql_pks_pks" ON "${name}__crsql_pks" ("id");
        INSERT INTO "${name}__crsql_clock" VALUES (1, 'x', 1, 1, 0, 1);
        CREATE TRIGGER "${name}__crsql_itrig" AFTER INSERT ON "${name}" WHEN crsql_internal_sync_bit() = 0 BEGIN
          SELECT crsql_after_insert('${name}', NEW.id); END;
        CREATE TRIGGER "${name}__crsql_dtrig" AFTER DELETE ON "${name}" WHEN crsql_internal_sync_bit() = 0 BEGIN
          SELECT crsql_after_delete('${name}', OLD.id); END;
      `);
    }
  };
}

/** Every value of every table, with its type and exact bytes, in key order. */
export function contentOf(file: string, kind: DocumentKind): Record<string, string[]> {
  const database = new BetterSqlite(file, { readonly: true });
  try {
    return Object.fromEntries(
      kind.tables.map(({ name, columns }) => {
        const exact = columns.map(
          ({ name: column }) =>
            `typeof("${column}") || ':' || CASE typeof("${column}") WHEN 'real' THEN printf('%!.26e', "${column}")
              WHEN 'null' THEN '' ELSE hex("${column}") END`,
        );
        const sql = `SELECT ${exact.join(` || ',' || `)} FROM "${name}"`;
        return [name, (database.prepare(sql).pluck().all() as string[]).sort()];
      }),
    );
  } finally {
    database.close();
  }
}

/**
 * Replaces a table's root page by pages of which each points to the next many times, down to a page with a single row:
 * read in order, the table has more rows than can ever be read.
 * @param bytes a database of small pages
 * @param rootPage of the table; 1: the schema, whose real rows then come first
 * @param row in SQLite's record format
 */
export function withEndlessTable(bytes: Buffer, rootPage: number, row: Buffer): Buffer {
  const pageBytes = bytes.readUInt16BE(16);
  const depth = 15;
  const first = bytes.length / pageBytes + 1;
  const pages = Array.from({ length: depth }, (_, level) => {
    const next = first + level + 1;
    return interiorPage(pageBytes, Array<number>(41).fill(next));
  });
  pages.push(leafPage(pageBytes, row));
  const result = Buffer.concat([bytes, ...pages]);
  if (rootPage === 1) {
    const root = interiorPage(pageBytes, [bytes.readUInt32BE(108), first], 100);
    root.copy(result, 100, 100);
  } else {
    pages[0]!.copy(result, (rootPage - 1) * pageBytes);
  }
  result.writeUInt32BE(result.length / pageBytes, 28);
  return result;
}

/** A row as SQLite stores it. @param values short texts, numbers below 128, or null */
export function recordOf(values: (string | number | null)[]): Buffer {
  const types = values.map((value) =>
    value === null ? 0 : typeof value === 'number' ? 1 : 13 + 2 * value.length,
  );
  const contents = values.map((value) =>
    value === null ? Buffer.alloc(0) : typeof value === 'number' ? Buffer.from([value]) : Buffer.from(value),
  );
  return Buffer.concat([Buffer.from([types.length + 1, ...types]), ...contents]);
}

/** @param children pages, of which the last one holds the highest keys */
function interiorPage(pageBytes: number, children: number[], start = 0): Buffer {
  const page = Buffer.alloc(pageBytes);
  const cells = children.slice(0, -1);
  page.writeUInt8(5, start);
  page.writeUInt16BE(cells.length, start + 3);
  page.writeUInt32BE(children.at(-1)!, start + 8);
  let at = pageBytes;
  cells.forEach((child, index) => {
    at -= 6;
    page.writeUInt32BE(child, at);
    page.writeUInt8(index + 1, at + 4);
    page.writeUInt16BE(at, start + 12 + 2 * index);
  });
  page.writeUInt16BE(at, start + 5);
  return page;
}

function leafPage(pageBytes: number, row: Buffer): Buffer {
  const page = Buffer.alloc(pageBytes);
  const at = pageBytes - row.length - 2;
  page.writeUInt8(13, 0);
  page.writeUInt16BE(1, 3);
  page.writeUInt16BE(at, 5);
  page.writeUInt16BE(at, 8);
  Buffer.from([row.length, 1]).copy(page, at);
  row.copy(page, at + 2);
  return page;
}
