import { randomBytes } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { DocumentKinds, type DocumentKind } from '../../src/documents/kinds.js';
import { Connection } from '../../src/documents/live/engine/binder.js';
import { ChangesReader } from '../../src/documents/live/engine/changes-reader.js';
import {
  compileEngine,
  instantiateEngine,
  type CrSqlite,
} from '../../src/documents/live/engine/crsqlite-module.js';
import type { AppError } from '../../src/foundation/errors/app-error.js';
import { FileVfs } from '../../src/documents/live/engine/file-vfs.js';
import { kindTemplate } from '../../src/documents/live/engine/kind-template.js';
import { MergingDatabase } from '../../src/documents/live/engine/merging-database.js';
import { ChangesWriter, decodeChanges, type Changes } from '../../src/protocol/changes-codec.js';
import type { ChangeValue } from '../../src/protocol/changes-bytes.js';

const LARGE = 1024 ** 3;

/** The engine of one thread. */
export interface Engine {
  engine: CrSqlite;
  vfs: FileVfs;
}

/** A fresh instance of the engine on real files. */
export async function startEngine(): Promise<Engine> {
  const engine = await instantiateEngine(compileEngine());
  const vfs = new FileVfs();
  engine.registerVFS(vfs, true);
  return { engine, vfs };
}

/** A declared kind of document. */
export function kindNamed(name: string): DocumentKind {
  return new DocumentKinds().get(name);
}

/** Makes a merging database as an import does: rows without clocks. @param rows SQL that inserts them */
export async function makeCopy(path: string, kind: DocumentKind, rows = ''): Promise<void> {
  const statements = await kindTemplate(kind);
  const database = new BetterSqlite(path);
  try {
    database.exec(kind.sql);
    database.exec(`BEGIN; ${rows}; ${statements.join(';\n')}; COMMIT`);
  } finally {
    database.close();
  }
}

/** Makes a layout with one scene `r` for the table `scenes`, else captions with one cue `r`. @returns its path */
export async function copyWithRecord(folder: string, table: string): Promise<string> {
  const path = newPath(folder);
  const [kind, stored] = table === 'scenes' ? ['layout', 'scenes'] : ['captions', 'cues'];
  await makeCopy(path, kindNamed(kind!), `INSERT INTO ${stored} (id) VALUES ('r')`);
  return path;
}

/** Opens a copy as the server does. */
export function openCopy(
  { engine, vfs }: Engine,
  path: string,
  kind: DocumentKind,
  maxBytes = LARGE,
): MergingDatabase {
  return new MergingDatabase(engine, vfs, { path, kind, maxBytes });
}

/** A client's copy of a document: its own identity, local edits, and bodies in both directions. */
export class Replica {
  readonly connection: Connection;
  readonly siteId: string;
  private readonly reader: ChangesReader;
  private readonly name: string;

  /** @param download the file that it starts from, not open anywhere; @param path its own, new */
  constructor(
    private readonly engine: Engine,
    readonly kind: DocumentKind,
    download: string,
    readonly path: string,
    siteId = randomBytes(16),
  ) {
    copyFileSync(download, path);
    rekey(path, siteId);
    this.siteId = siteId.toString('hex');
    this.name = engine.vfs.attach(path);
    this.connection = new Connection(engine.engine, this.name);
    // What a crash would lose does not matter here.
    this.connection.exec(
      'PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = memory',
    );
    this.reader = new ChangesReader(this.connection, kind);
  }

  /**
   * The newest version that has changes. `crsql_db_version()` is higher after an UPDATE that changes nothing, until the
   * next transaction takes the same number: who remembers it as sent would miss that one.
   */
  get version(): number {
    const newest = this.kind.tables.map(({ name }) =>
      Number(this.connection.value(`SELECT max(db_version) FROM "${name}__crsql_clock"`) ?? 1),
    );
    return Math.max(1, ...newest);
  }

  /** Changes of this replica alone, as it sends them. */
  own(after: number): Uint8Array {
    return withoutSites(this.reader.read(after, this.version).body, (site) => site === this.siteId);
  }

  /** Everything that it knows. */
  all(after = 0): Uint8Array {
    return this.reader.read(after, this.version).body;
  }

  /** Merges a body as a client does, without any check. */
  merge(body: Uint8Array): void {
    const { sites, tables, rows } = decodeChanges(body);
    const version = BigInt(this.version + 1);
    this.connection.exec('BEGIN IMMEDIATE');
    rows.forEach((row, at) =>
      this.connection
        .statement(
          `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        )
        .run(
          tables[row.table]!.name,
          row.key,
          row.column === 0 ? '-1' : tables[row.table]!.columns[row.column - 1]!,
          row.value,
          BigInt(row.colVersion),
          version,
          sites[row.site]!,
          BigInt(row.cl),
          BigInt(at),
        ),
    );
    this.connection.exec('COMMIT');
  }

  close(): void {
    this.connection.value('SELECT crsql_finalize()');
    this.connection.close();
    this.engine.vfs.detach(this.name);
  }
}

/** Gives a copy that is not open another identity, as a client does with its download. */
export function rekey(path: string, siteId: Uint8Array): void {
  const database = new BetterSqlite(path);
  try {
    database.exec('BEGIN');
    const used = database.prepare('SELECT max(ordinal) FROM crsql_site_id').pluck().get() as number;
    database.prepare('UPDATE crsql_site_id SET ordinal = ? WHERE ordinal = 0').run(used + 1);
    for (const table of clocksOf(database)) {
      database.prepare(`UPDATE "${table}" SET site_id = ? WHERE site_id = 0`).run(used + 1);
    }
    database.prepare('INSERT INTO crsql_site_id (site_id, ordinal) VALUES (?, 0)').run(siteId);
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

/** A path in a folder that nothing has yet. */
export function newPath(folder: string): string {
  return join(folder, `${randomBytes(8).toString('hex')}.db`);
}

/** Rows, and for each cell that has one its clock, of a file that is not open; to compare copies. */
export function contentsOf(path: string, kind: DocumentKind): unknown {
  const database = new BetterSqlite(path, { readonly: true });
  try {
    database.defaultSafeIntegers();
    return kind.tables.map(({ name, columns }) => {
      const key = columns.filter(({ keyPlace }) => keyPlace > 0).map((column) => `"${column.name}"`);
      const typed = columns.map((column) => `"${column.name}", typeof("${column.name}")`);
      return {
        name,
        rows: database
          .prepare(`SELECT ${typed.join(', ')} FROM "${name}" ORDER BY ${key.join(', ')}`)
          .raw()
          .all(),
        clocks: database
          .prepare(
            `SELECT ${key.join(', ')}, col_name, col_version FROM "${name}__crsql_clock" AS clock
             JOIN "${name}__crsql_pks" ON __crsql_key = clock.key ORDER BY ${key.join(', ')}, col_name`,
          )
          .raw()
          .all(),
      };
    });
  } finally {
    database.close();
  }
}

/** A body of changes of one site. */
export function bodyOf(site: string, rows: NamedRow[]): Uint8Array {
  const writer = new ChangesWriter();
  const siteIndex = writer.siteIndex(Buffer.from(site, 'hex'));
  for (const { table, column, cl = 1, colVersion = 1, key, value } of rows) {
    const index = writer.tableIndex(table);
    writer.add({
      table: index,
      site: siteIndex,
      key,
      column: column === '-1' ? 0 : writer.columnIndex(index, column),
      cl,
      colVersion,
      value,
    });
  }
  return writer.finish();
}

/** A change by names. */
export interface NamedRow {
  table: string;
  key: Uint8Array;
  column: string;
  value: ChangeValue;
  cl?: number;
  colVersion?: number;
}

/** The error that `work` throws. */
export function errorOf(work: () => unknown): AppError {
  try {
    work();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('Nothing was thrown.');
}

/** A key of texts and integers, packed as CR-SQLite does it. */
export function packedKey(...parts: (string | number)[]): Uint8Array {
  const bytes = parts.flatMap((part) => {
    const text = typeof part === 'string' ? Buffer.from(part) : null;
    const digits = [];
    for (let rest = text ? text.length : (part as number); rest > 0; rest = Math.floor(rest / 256)) {
      digits.unshift(rest % 256);
    }
    return [(digits.length << 3) | (text ? 3 : 1), ...digits, ...(text ?? [])];
  });
  return Uint8Array.from([parts.length, ...bytes]);
}

function withoutSites(body: Uint8Array, keeps: (site: string) => boolean): Uint8Array {
  const changes: Changes = decodeChanges(body);
  const writer = new ChangesWriter([], changes.tables);
  for (const row of changes.rows) {
    const site = changes.sites[row.site]!;
    if (keeps(Buffer.from(site).toString('hex'))) writer.add({ ...row, site: writer.siteIndex(site) });
  }
  return writer.finish();
}

function clocksOf(database: BetterSqlite.Database): string[] {
  return database
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%@_@_crsql@_clock' ESCAPE '@'`,
    )
    .pluck()
    .all() as string[];
}
