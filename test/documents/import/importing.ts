import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { SqliteWorkers } from '../../../src/documents/import/sqlite-workers.js';
import { DocumentKinds } from '../../../src/documents/kinds.js';
import { sqlOf } from '../../support/databases.js';
import { makeScratchDir } from '../../support/scratch.js';

export const LAYOUT = new DocumentKinds().get('layout');

/** More bytes than any document of these tests has. */
export const AMPLE = 1_073_741_824;

/** Imports layouts one after another, and checks every refusal for the same properties. */
export class Importing {
  private readonly workers = new SqliteWorkers();
  private readonly folder = makeScratchDir('importing');
  readonly source = join(this.folder, 'source');
  /** The database that the last import made. */
  readonly target = join(this.folder, 'target');

  /** @returns the reason for the refusal; null: the import succeeded */
  async import(bytes: Uint8Array): Promise<string | null> {
    writeFileSync(this.source, bytes);
    rmSync(this.target, { force: true });
    try {
      await this.workers.importDatabase(LAYOUT, this.source, this.target, AMPLE);
      return null;
    } catch (error) {
      expect(error).toMatchObject({ code: 'DOCUMENT_INVALID', details: { detail: expect.any(String) } });
      expect(readdirSync(this.folder)).toEqual(['source']);
      return (error as Error).message;
    }
  }

  /** Ends the threads and child processes, and removes the files. */
  async close(): Promise<void> {
    await this.workers.onModuleDestroy();
    rmSync(this.folder, { recursive: true });
  }
}

/** Opens a database for `read` and closes it. @returns the result of `read` */
export function reading<T>(source: string | Buffer, read: (database: BetterSqlite.Database) => T): T {
  const database = new BetterSqlite(source, typeof source === 'string' ? { readonly: true } : {});
  try {
    return read(database);
  } finally {
    database.close();
  }
}

/** The page where a table's rows begin. */
export function rootOf(bytes: Buffer, table: string): number {
  const sql = 'SELECT rootpage FROM sqlite_schema WHERE name = ?';
  return reading(bytes, (database) => database.prepare(sql).pluck().get(table) as number);
}

/** Makes a layout with elements of about so many bytes. @param file must not exist yet */
export function writeLargeLayout(file: string, bytes: number): void {
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
}
