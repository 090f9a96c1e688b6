import { copyFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { ignoreChanges } from '../support/documents.js';
import { filesIn } from '../uploads/world.js';

/** The path of a layout's working copy in a data folder. */
function copyIn(dataDir: string, videoId: string): string {
  const root = join(dataDir, 'documents');
  const folder = Buffer.from(videoId).toString('hex');
  return join(
    root,
    filesIn(root).find((file) => file.includes(`/${folder}/`) && file.endsWith('.db'))!,
  );
}

/**
 * Leaves a layout's working copy as a server that was killed in the middle of a batch: changed pages are in the file, which
 * has grown, and its journal is hot. The server must not run.
 */
export function tearCopy(dataDir: string, videoId: string): void {
  const copy = copyIn(dataDir, videoId);
  const writer = new BetterSqlite(copy);
  ignoreChanges(writer);
  writer.pragma('journal_mode = PERSIST');
  writer.pragma('cache_size = 1');
  writer.exec('BEGIN');
  writer.exec(`UPDATE scenes SET background = 'torn'`);
  writer.exec(`UPDATE crsql_master SET value = 3 WHERE key = 'pre_compact_dbversion'`);
  // More than the cache holds, so that changed pages are written before the commit.
  const insert = writer.prepare('INSERT INTO elements (id, thumbnail) VALUES (?, randomblob(1000))');
  for (let row = 0; row < 3_000; row += 1) insert.run(`element-${row}`);
  for (const suffix of ['', '-journal']) copyFileSync(`${copy}${suffix}`, `${copy}.killed${suffix}`);
  writer.exec('ROLLBACK');
  writer.close();
  renameSync(`${copy}.killed`, copy);
  renameSync(`${copy}.killed-journal`, `${copy}-journal`);
}
