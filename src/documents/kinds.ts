import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Inject, Injectable, Optional } from '@nestjs/common';
import BetterSqlite from 'better-sqlite3';
import { AppError } from '../foundation/errors/app-error.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';

/** A table's column, as SQLite reports it. */
export interface KindColumn {
  name: string;
  type: string;
  isNotNull: boolean;
  /** Place in the primary key, from 1; 0: not part of it. */
  keyPlace: number;
}

/** A kind of document: the tables and columns of its databases. */
export interface DocumentKind {
  name: string;
  /** Creates an empty database of this kind. */
  sql: string;
  /** `user_version` of its databases. */
  version: number;
  tables: { name: string; columns: KindColumn[] }[];
  /** Normalized SQL of triggers and indexes, by name. */
  objects: Record<string, string>;
}

/** Overrides the folder of the kinds; default: `kinds/` beside this file. */
const KINDS_FOLDER = Symbol('KINDS_FOLDER');

const FOLDER = fileURLToPath(new URL('./kinds/', import.meta.url));
const NAME = /^[a-z][a-z0-9_]*$/;
/** The names of CR-SQLite's own tables. */
const RESERVED = /^crsql_|__crsql_/;

/** The kinds of documents; each is one SQL file in `kinds/`. */
@Injectable()
export class DocumentKinds {
  private readonly kinds: ReadonlyMap<string, DocumentKind>;

  /** @throws AppStartError that names the file and the fault */
  constructor(@Optional() @Inject(KINDS_FOLDER) folder: string = FOLDER) {
    this.kinds = loadKinds(folder);
  }

  /** The kinds' names in alphabetical order. */
  get names(): string[] {
    return [...this.kinds.keys()];
  }

  /** The kind with this name. @throws AppError NOT_FOUND */
  get(name: string): DocumentKind {
    const kind = this.kinds.get(name);
    if (kind) return kind;
    throw new AppError('NOT_FOUND', {
      detail: `There is no such kind of document; there are: ${this.names.join(', ')}.`,
    });
  }
}

/** Reads every kind and checks the rules that CR-SQLite needs to merge changes. */
function loadKinds(folder: string): Map<string, DocumentKind> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql'));
  return new Map(
    files.sort().map((file) => {
      const name = file.slice(0, -'.sql'.length);
      try {
        return [name, readKind(name, readFileSync(join(folder, file), 'utf8'))];
      } catch (error) {
        throw new AppStartError(`${file}: ${(error as Error).message}`, { cause: error });
      }
    }),
  );
}

/** SQL with single blanks, to compare statements that differ only in white space. */
export function normalized(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim();
}

/** The columns of a table, including hidden and generated ones. */
export function columnsOf(database: BetterSqlite.Database, schema: string, table: string) {
  const rows = database.prepare('SELECT * FROM pragma_table_xinfo(?, ?)').all(table, schema) as {
    name: string;
    type: string;
    notnull: number;
    pk: number;
    dflt_value: string | null;
    hidden: number;
  }[];
  return rows.map(({ name, type, notnull, pk, dflt_value, hidden }) => ({
    name,
    type,
    isNotNull: notnull === 1,
    keyPlace: pk,
    default: dflt_value,
    isHidden: hidden !== 0,
  }));
}

function readKind(name: string, sql: string): DocumentKind {
  if (!NAME.test(name)) throw new Error('the name of a kind has lower-case letters, digits and _.');
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(sql);
    const version = database.pragma('user_version', { simple: true }) as number;
    if (version < 1) throw new Error('PRAGMA user_version must be at least 1.');
    const tables = tableNames(database).map((table) => readTable(database, table));
    if (tables.length === 0) throw new Error('there is no table.');
    return { name, sql, version, tables, objects: readObjects(database) };
  } finally {
    database.close();
  }
}

function tableNames(database: BetterSqlite.Database): string[] {
  const rows = database.prepare(`SELECT * FROM pragma_table_list WHERE schema = 'main'`).all() as {
    name: string;
    type: string;
    strict: number;
  }[];
  const own = rows.filter((row) => !row.name.startsWith('sqlite_'));
  for (const { name, type, strict } of own) {
    if (type !== 'table') throw new Error(`${name} is a ${type}; only tables can be merged.`);
    if (strict !== 1) throw new Error(`the table ${name} must be STRICT.`);
  }
  return own.map(({ name }) => name).sort();
}

function readTable(database: BetterSqlite.Database, name: string): DocumentKind['tables'][number] {
  const fail = (fault: string): never => {
    throw new Error(`the table ${name} ${fault}`);
  };
  if (!NAME.test(name)) fail('must have a name of lower-case letters, digits and _.');
  if (RESERVED.test(name)) fail('must not be called as CR-SQLite calls its own.');
  const columns = columnsOf(database, 'main', name);
  const key = columns.filter(({ keyPlace }) => keyPlace > 0);
  if (key.length === 0) fail('needs a primary key.');
  for (const column of columns) {
    if (!NAME.test(column.name)) fail(`has a column ${column.name}: lower-case letters, digits and _ only.`);
    if (column.isHidden) fail(`has a generated column ${column.name}.`);
    if (column.keyPlace > 0) {
      if (!['TEXT', 'INTEGER'].includes(column.type)) fail('must have a key of TEXT or INTEGER.');
      if (!column.isNotNull) fail(`must declare its key ${column.name} NOT NULL.`);
    } else if (column.isNotNull && column.default === null) {
      fail(`needs a default for its column ${column.name}, which is NOT NULL.`);
    }
  }
  const unique = database
    .prepare(`SELECT 1 FROM pragma_index_list(?) WHERE "unique" = 1 AND origin <> 'pk'`)
    .get(name);
  if (unique) fail('must not ask for unique values: two devices could each be right.');
  if (database.prepare('SELECT 1 FROM pragma_foreign_key_list(?)').get(name)) {
    fail('must not have foreign keys: rows arrive in any order.');
  }
  checkGuards(database, name, key, fail);
  return {
    name,
    columns: columns.map(({ name, type, isNotNull, keyPlace }) => ({ name, type, isNotNull, keyPlace })),
  };
}

/** Checks the triggers that forbid changing a key, as a changed key would make it another row for other replicas. */
function checkGuards(
  database: BetterSqlite.Database,
  table: string,
  key: { name: string; type: string }[],
  fail: (fault: string) => never,
): void {
  const triggers = database
    .prepare(`SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?`)
    .pluck()
    .all(table) as string[];
  insertEmptyRow(database, table, key, fail);
  for (const { name, type } of key) {
    const guard = new RegExp(`\\bBEFORE\\s+UPDATE\\s+OF\\s[^;]*\\b${name}\\b[^;]*\\sON\\b`, 'i');
    const change = `UPDATE "${table}" SET "${name}" = ${type === 'TEXT' ? `'b'` : '2'}`;
    if (
      !triggers.some((sql) => guard.test(sql)) ||
      codeOf(database, change) !== 'SQLITE_CONSTRAINT_TRIGGER'
    ) {
      fail(`needs a trigger BEFORE UPDATE OF its key ${name} that aborts.`);
    }
  }
}

/** Checks that a row with only a key can be inserted: a merge inserts it so, then sets the other columns one by one. */
function insertEmptyRow(
  database: BetterSqlite.Database,
  table: string,
  key: { name: string; type: string }[],
  fail: (fault: string) => never,
): void {
  const names = key.map(({ name }) => `"${name}"`).join(', ');
  const values = key.map(({ type }) => (type === 'TEXT' ? `'a'` : '1')).join(', ');
  const code = codeOf(database, `INSERT INTO "${table}" (${names}) VALUES (${values})`);
  if (code !== null) fail(`must take a row that has only a key (${code}).`);
}

/** @returns SQLite's error code; null: the statement succeeds */
function codeOf(database: BetterSqlite.Database, sql: string): string | null {
  try {
    database.exec(sql);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

function readObjects(database: BetterSqlite.Database): Record<string, string> {
  const rows = database
    .prepare(`SELECT name, sql FROM sqlite_schema WHERE type IN ('trigger', 'index') AND sql IS NOT NULL`)
    .all() as { name: string; sql: string }[];
  return Object.fromEntries(rows.map(({ name, sql }) => [name, normalized(sql)]));
}
