import { closeSync, fsyncSync, openSync, readSync, statfsSync, statSync, writeSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import { normalized, type DocumentKind } from '../kinds.js';
import { InvalidDatabase, OversizedDatabase } from './invalid-database.js';
import { checkRawSchema } from './raw-schema.js';
import { checkDefaults, checkSizes, checkValues } from './imported-rows.js';
import { checkSchema } from './imported-schema.js';

/** Where the header says how the file is written and read: 1 with a rollback journal, 2 with a WAL. */
const JOURNAL_BYTES = 18;
const WAL = 2;

/** Keys come in no order: their index should stay in memory while it is made. */
const CACHE_BYTES = 67_108_864;

/** What SQLite says of a file that is damaged, or asks for what is not there. */
const DAMAGE = ['SQLITE_CORRUPT', 'SQLITE_NOTADB', 'SQLITE_ERROR', 'SQLITE_TOOBIG', 'SQLITE_MISMATCH'];

/**
 * Copies the rows of an uploaded database, which may hold anything, into a fresh one of its kind.
 * @param upload changed where its header asks for a WAL, which is not there, and where it has statistics
 * @param target an empty file, or none; its bytes are on the disk when this returns
 * @param maxBytes which the fresh one may have
 * @throws InvalidDatabase; OversizedDatabase; SqliteError
 */
export function importDatabase({
  kind,
  upload,
  target,
  maxBytes,
}: {
  kind: DocumentKind;
  upload: string;
  target: string;
  maxBytes: number;
}): void {
  checkRawSchema(upload);
  dropWal(upload);
  asInvalid(() => checkUpload(kind, upload));
  asInvalid(() => copyInto(kind, upload, target, maxBytes));
  sync(target);
}

function checkUpload(kind: DocumentKind, upload: string): void {
  const source = new BetterSqlite(upload, { readonly: true });
  try {
    harden(source);
    // Expressions of a stranger could keep a thread busy for ever; the fresh tables have their own.
    source.pragma('ignore_check_constraints = ON');
    checkSchema(source, kind);
    checkPages(source, 'quick_check');
    checkDefaults(source, kind, statSync(upload).size);
    checkSizes(source, kind);
  } finally {
    source.close();
  }
}

/** Nothing that stands in the file may call functions with side effects, and broken cells are looked for. */
function harden(database: BetterSqlite.Database): void {
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
  database.pragma('mmap_size = 0');
}

function checkPages(database: BetterSqlite.Database, check: 'quick_check' | 'main.quick_check'): void {
  const complaint = String(database.pragma(`${check}(1)`, { simple: true }));
  if (complaint !== 'ok') throw damaged(complaint);
}

/** SQLite would look for the WAL. */
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

function copyInto(kind: DocumentKind, upload: string, target: string, maxBytes: number): void {
  const database = new BetterSqlite(target);
  try {
    harden(database);
    // A file that is not finished is thrown away, so a journal would protect nothing.
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.pragma(`cache_size = -${CACHE_BYTES / 1024}`);
    limitSize(database, maxBytes);
    database.exec(kind.sql);
    database.prepare('ATTACH ? AS upload').run(upload);
    database.exec('BEGIN');
    const restore = dropObjects(database);
    for (const { name, columns } of kind.tables) copyTable(database, name, columns);
    restore();
    database.exec('COMMIT');
    database.exec('DETACH upload');
    checkPages(database, 'main.quick_check');
    checkValues(database, kind);
  } catch (error) {
    // Closing cuts the file off, which makes room again.
    if (!isAtLimit(error, target, maxBytes)) throw error;
    throw new OversizedDatabase(`A document may have ${maxBytes} bytes at most.`, { cause: error });
  } finally {
    database.close();
  }
}

/** Rows may be far larger in their own table than in the file that they came in. */
function limitSize(database: BetterSqlite.Database, maxBytes: number): void {
  const pageBytes = database.pragma('page_size', { simple: true }) as number;
  database.pragma(`max_page_count = ${Math.max(1, Math.floor(maxBytes / pageBytes))}`);
}

/**
 * SQLite says the same of its limit and of a full disk. At the limit, what the file lacks is still in the cache, and the
 * disk could take it.
 */
function isAtLimit(error: unknown, target: string, maxBytes: number): boolean {
  if ((error as { code?: string }).code !== 'SQLITE_FULL') return false;
  const missingBytes = maxBytes - statSync(target).size;
  const { bavail, bsize } = statfsSync(target);
  return missingBytes <= CACHE_BYTES && missingBytes <= bavail * bsize;
}

/** Takes away indexes and triggers while rows are copied. @returns what brings them back */
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
    database.exec(`INSERT INTO main."${table}" (${list}) SELECT ${list} FROM upload."${table}" NOT INDEXED`);
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

/** @param complaint SQLite's, which may quote names from the file */
function damaged(complaint: string, cause?: unknown): InvalidDatabase {
  // Blanks are replaced in a part only: a name may be long.
  const text = normalized(complaint.slice(0, 1_000).replace('*** in database main ***', ''));
  return new InvalidDatabase(`The database is damaged: ${text.slice(0, 200)}.`, { cause });
}

function sync(file: string): void {
  const handle = openSync(file, 'r+');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
