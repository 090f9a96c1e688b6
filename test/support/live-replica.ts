import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { Connection } from '../../src/documents/live/engine/binder.js';
import { compileEngine, instantiateEngine } from '../../src/documents/live/engine/crsqlite-module.js';
import { FileVfs } from '../../src/documents/live/engine/file-vfs.js';
import type { ChangeValue } from '../../src/protocol/changes-bytes.js';
import { ChangesWriter, decodeChanges } from '../../src/protocol/changes-codec.js';

const SENTINEL = '-1';
const OWN_CHANGES = `SELECT "table", pk, cid, val, col_version, cl FROM crsql_changes
  WHERE site_id = crsql_site_id() AND db_version = ? ORDER BY seq`;
const MERGE = `INSERT INTO crsql_changes ("table", pk, cid, val, col_version, db_version, site_id, cl, seq)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A client's copy of a document in the engine, with an identity of its own. */
export class LiveReplica implements Disposable {
  private constructor(
    private readonly folder: string,
    private readonly connection: Connection,
    /** 32 hex digits. */
    readonly siteId: string,
    /** The server's, as the download had it. */
    readonly serverSiteId: string,
    /** `user_version` of the copy. */
    readonly schemaVersion: number,
  ) {}

  /** Makes a replica of a downloaded database. @param database inflated */
  static async of(database: Uint8Array): Promise<LiveReplica> {
    const folder = mkdtempSync(join(tmpdir(), 'live-replica-'));
    const path = join(folder, 'copy.db');
    writeFileSync(path, database);
    const { serverSiteId, schemaVersion } = rekey(path);
    const engine = await instantiateEngine(compileEngine());
    const vfs = new FileVfs();
    engine.registerVFS(vfs, true);
    const connection = new Connection(engine, vfs.attach(path));
    connection.exec(
      'PRAGMA temp_store = memory; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = PERSIST',
    );
    const siteId = Buffer.from(connection.value('SELECT crsql_site_id()') as Uint8Array).toString('hex');
    return new LiveReplica(folder, connection, siteId, serverSiteId, schemaVersion);
  }

  /** The version of its own, which counts local changes too. */
  get version(): number {
    return Number(this.connection.value('SELECT crsql_db_version()'));
  }

  /** Writes in one transaction. */
  run(...statements: string[]): void {
    this.connection.exec(['BEGIN IMMEDIATE', ...statements, 'COMMIT'].join(';\n'));
  }

  /** The rows of a query. */
  all(sql: string): ChangeValue[][] {
    return [...this.connection.statement(sql).rows()];
  }

  /** A body of the changes that were made here in one local version; null: there are none. */
  bodyOf(version: number): Uint8Array | null {
    const writer = new ChangesWriter();
    for (const row of this.connection.statement(OWN_CHANGES).rows(BigInt(version))) {
      const [table, key, column, value, colVersion, cl] = row;
      const index = writer.tableIndex(table as string);
      writer.add({
        table: index,
        site: writer.siteIndex(Buffer.from(this.siteId, 'hex')),
        key: key as Uint8Array,
        column: column === SENTINEL ? 0 : writer.columnIndex(index, column as string),
        cl: Number(cl),
        colVersion: Number(colVersion),
        value: value ?? null,
      });
    }
    return writer.rows === 0 ? null : writer.finish();
  }

  /** Merges what others changed. */
  merge(body: Uint8Array): void {
    const { sites, tables, rows } = decodeChanges(body);
    const insert = this.connection.statement(MERGE);
    const version = BigInt(this.version + 1);
    this.connection.exec('BEGIN IMMEDIATE');
    rows.forEach(({ table, site, key, column, cl, colVersion, value }, at) => {
      const { name, columns } = tables[table]!;
      const cid = column === 0 ? SENTINEL : columns[column - 1]!;
      insert.run(name, key, cid, value, BigInt(colVersion), version, sites[site]!, BigInt(cl), BigInt(at));
    });
    this.connection.exec('COMMIT');
  }

  [Symbol.dispose](): void {
    this.connection.exec('SELECT crsql_finalize()');
    this.connection.close();
    rmSync(this.folder, { recursive: true });
  }
}

/** Gives a copy an identity of its own; what the server's identity has written stays its. */
function rekey(path: string): { serverSiteId: string; schemaVersion: number } {
  const database = new BetterSqlite(path);
  try {
    const server = database
      .prepare('SELECT site_id FROM crsql_site_id WHERE ordinal = 0')
      .pluck()
      .get() as Buffer;
    const next = database.prepare('SELECT max(ordinal) + 1 FROM crsql_site_id').pluck().get() as number;
    const clocks = database
      .prepare(
        `SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE '%@_@_crsql@_clock' ESCAPE '@'`,
      )
      .pluck()
      .all() as string[];
    database.transaction(() => {
      database.prepare('UPDATE crsql_site_id SET ordinal = ? WHERE ordinal = 0').run(next);
      for (const clock of clocks) {
        database.prepare(`UPDATE "${clock}" SET site_id = ? WHERE site_id = 0`).run(next);
      }
      database.prepare('INSERT INTO crsql_site_id (site_id, ordinal) VALUES (?, 0)').run(randomBytes(16));
    })();
    const schemaVersion = database.pragma('user_version', { simple: true }) as number;
    return { serverSiteId: server.toString('hex'), schemaVersion };
  } finally {
    database.close();
  }
}
