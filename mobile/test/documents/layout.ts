import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';

const LAYOUT = resolve(__dirname, '../../../src/documents/kinds/layout.sql');

/** A layout file with one scene for each of these backgrounds. */
export function layoutFile(backgrounds: string[]): Blob {
  return fileOf(readFileSync(LAYOUT, 'utf8'), (database) => {
    const insert = database.prepare('INSERT INTO scenes (id, position, background) VALUES (?, ?, ?)');
    backgrounds.forEach((background, position) => insert.run(`scene-${position}`, position, background));
  });
}

/** A valid SQLite database that is not a document of any kind. */
export function strangeFile(): Blob {
  return fileOf('CREATE TABLE recipes (id INTEGER PRIMARY KEY, name TEXT)');
}

/** The backgrounds of a layout's scenes. @param bytes gzipped or not */
export function backgroundsIn(bytes: Uint8Array): string[] {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const database = new BetterSqlite(isPacked ? gunzipSync(bytes) : Buffer.from(bytes));
  try {
    return database.prepare('SELECT background FROM scenes ORDER BY position').pluck().all() as string[];
  } finally {
    database.close();
  }
}

function fileOf(sql: string, fill: (database: BetterSqlite.Database) => void = () => undefined): Blob {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(sql);
    fill(database);
    return new Blob([new Uint8Array(database.serialize())]);
  } finally {
    database.close();
  }
}
