import { closeSync, openSync, readSync, statfsSync, statSync, writeSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { syncToDiskSync } from '../../foundation/files/sync-to-disk.js';
import { normalized, type DocumentKind } from '../kinds.js';
import { InvalidDatabase, OversizedDatabase } from './invalid-database.js';
import { checkRawSchema } from './raw-schema.js';
import { checkDefaults, checkSizes, checkValues } from './imported-rows.js';
import { checkSchema } from './imported-schema.js';

/** Position of the write and read versions in the file header: 1 means a rollback journal, 2 a WAL. */
const JOURNAL_BYTES = 18;
const WAL = 2;

/** Rows come in random key order, so the index of the keys should fit into memory while it is built. */
const CACHE_BYTES = 67_108_864;

/** SQLite's error codes for a damaged file, and for SQL in it that refers to something missing. */
const DAMAGE = [
  'SQLITE_CORRUPT',
  'SQLITE_NOTADB',
  'SQLITE_ERROR',
  'SQLITE_TOOBIG',
  'SQLITE_MISMATCH',
  'SQLITE_IOERR_SHORT_READ', // the file ends within a page
];

/**
 * Copies the rows of a client's untrusted database into a fresh one of its kind, which can merge changes.
 * @param source the file; changed if its header asks for a WAL or if it has statistics tables
 * @param target an empty or new file; synced to disk when this returns
 * @param maxBytes the largest size of the target
 * @param merging the statements that make a database of the kind one that merges changes. The rows get no clocks: all replicas
 *   start from this content, and a cell without a clock loses against any that has one
 * @throws InvalidDatabase; OversizedDatabase; SqliteError
 */
export function importDatabase({
  kind,
  source,
  target,
  maxBytes,
  merging,
}: {
  kind: DocumentKind;
  source: string;
  target: string;
  maxBytes: number;
  merging: string[];
}): void {
  checkRawSchema(source);
  dropWal(source);
  asInvalid(() => checkSource(kind, source));
  asInvalid(() => copyRows(kind, source, target, maxBytes, merging));
  syncToDiskSync(target);
}

function checkSource(kind: DocumentKind, source: string): void {
  const database = new BetterSqlite(source, { readonly: true });
  try {
    harden(database);
    // The file's own CHECK expressions could run for ever; those of the target's tables check the rows.
    database.pragma('ignore_check_constraints = ON');
    checkSchema(database, kind);
    checkPages(database, 'quick_check');
    checkDefaults(database, kind, statSync(source).size);
    checkSizes(database, kind);
  } finally {
    database.close();
  }
}

/** Makes SQLite refuse unsafe functions in the file's schema and detect broken cells. */
function harden(database: BetterSqlite.Database): void {
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  database.pragma('mmap_size = 0');
}

function checkPages(database: BetterSqlite.Database, check: 'quick_check' | 'main.quick_check'): void {
  const complaint = String(database.pragma(`${check}(1)`, { simple: true }));
  if (complaint !== 'ok') throw damaged(complaint);
}

/** Changes a header that asks for a WAL: SQLite would look for one, but clients do not send it. */
function dropWal(file: string): void {
  const handle = openSync(file, 'r+');
  try {
    const header = Buffer.alloc(2);
    readSync(handle, header, 0, 2, JOURNAL_BYTES);
    if (header.includes(WAL)) writeSync(handle, Buffer.from([1, 1]), 0, 2, JOURNAL_BYTES);
  } finally {
    closeSync(handle);
  }
}

function copyRows(
  kind: DocumentKind,
  source: string,
  target: string,
  maxBytes: number,
  merging: string[],
): void {
  const database = new BetterSqlite(target);
  try {
    harden(database);
    // An unfinished target is thrown away, so it needs no journal.
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.pragma(`cache_size = -${CACHE_BYTES / 1024}`);
    limitSize(database, maxBytes);
    database.exec(kind.sql);
    database.prepare('ATTACH ? AS source').run(source);
    database.exec('BEGIN');
    const restore = dropObjects(database);
    for (const { name, columns } of kind.tables) copyTable(database, name, columns);
    restore();
    for (const statement of merging) database.exec(statement);
    database.exec('COMMIT');
    database.exec('DETACH source');
    checkPages(database, 'main.quick_check');
    checkValues(database, kind);
  } catch (error) {
    // Check before the database is closed: closing truncates the file and frees disk space.
    if (!isAtLimit(error, target, maxBytes)) throw error;
    throw new OversizedDatabase(`A document may have ${maxBytes} bytes at most.`, { cause: error });
  } finally {
    database.close();
  }
}

/** Limits the target's size, as rows may take far more bytes in the kind's tables than in the client's file. */
function limitSize(database: BetterSqlite.Database, maxBytes: number): void {
  const pageBytes = database.pragma('page_size', { simple: true }) as number;
  database.pragma(`max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

/**
 * Whether SQLITE_FULL means that the limit on pages was reached, not that the disk is full. At the limit, the part of the
 * file that is not written yet fits into the cache and onto the disk.
 */
function isAtLimit(error: unknown, target: string, maxBytes: number): boolean {
  if ((error as { code?: string }).code !== 'SQLITE_FULL') return false;
  const missingBytes = maxBytes - statSync(target).size;
  const { bavail, bsize } = statfsSync(target);
  return missingBytes <= CACHE_BYTES && missingBytes <= bavail * bsize;
}

/** Drops indexes and triggers, which would slow down copying. @returns a function that creates them again */
function dropObjects(database: BetterSqlite.Database): () => void {
  const objects = database
    .prepare(
      `SELECT type, name, sql FROM main.sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`,
    )
    .all() as { type: string; name: string; sql: string }[];
  for (const { type, name } of objects) database.exec(`DROP ${type} main."${name}"`);
  return () => objects.forEach(({ sql }) => database.exec(sql));
}

function copyTable(
  database: BetterSqlite.Database,
  table: string,
  columns: DocumentKind['tables'][number]['columns'],
): void {
  const list = columns.map((column) => `"${column.name}"`).join(', ');
  try {
    database.exec(`INSERT INTO main."${table}" (${list}) SELECT ${list} FROM source."${table}" NOT INDEXED`);
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (!code.startsWith('SQLITE_CONSTRAINT')) throw error;
    throw new InvalidDatabase(`A row of ${table} does not fit its table: ${message}.`, { cause: error });
  }
}

function asInvalid(work: () => void): void {
  try {
    work();
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string };
    if (!DAMAGE.some((damage) => code.startsWith(damage))) throw error;
    throw damaged(message, error);
  }
}

/** @param complaint SQLite's message; it may quote names from the file */
function damaged(complaint: string, cause?: unknown): InvalidDatabase {
  // Cut before and after normalizing, as the message may quote a very long name.
  const text = normalized(complaint.slice(0, 1_000).replace('*** in database main ***', ''));
  return new InvalidDatabase(`The database is damaged: ${text.slice(0, 200)}.`, { cause });
}
