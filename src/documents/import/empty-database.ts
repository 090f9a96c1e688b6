import { gzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import type { DocumentKind } from '../kinds.js';

/** A gzipped database of a kind without rows, as a client would send it. */
export function packedEmptyDatabase({ sql }: DocumentKind): Buffer {
  const database = new BetterSqlite(':memory:');
  try {
    database.exec(sql);
    return gzipSync(database.serialize());
  } finally {
    database.close();
  }
}
