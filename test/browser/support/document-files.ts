import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import { packedLayout } from '../../support/documents.js';
import type { ChosenFile } from './documents-page.js';

/** A layout with one scene per background, as a file that is not gzipped. */
export function layoutFile(backgrounds: string[]): ChosenFile {
  return {
    name: 'layout.db',
    mimeType: 'application/vnd.sqlite3',
    buffer: gunzipSync(packedLayout(backgrounds)),
  };
}

/** An intact database that is no document of any kind. */
export function strangeFile(): ChosenFile {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec('CREATE TABLE recipes (id INTEGER PRIMARY KEY, name TEXT)');
    return { name: 'recipes.db', mimeType: 'application/vnd.sqlite3', buffer: database.serialize() };
  } finally {
    database.close();
  }
}

/** The bytes of a captions database without any captions. */
export function emptyCaptions(): Buffer {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(readFileSync('src/documents/kinds/captions.sql', 'utf8'));
    return database.serialize();
  } finally {
    database.close();
  }
}

/** The rows of a table in a database file. */
export function rowsOf(file: Buffer, table: string): Record<string, unknown>[] {
  const database = new BetterSqlite(file);
  try {
    return database.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[];
  } finally {
    database.close();
  }
}
