import BetterSqlite from 'better-sqlite3';
import { join } from 'node:path';
import pg from 'pg';
import type { Storage } from './storage.js';

/** Everything that a database contains apart from rows of records: tables, columns, indexes, and what was stored about them. */
export async function contentOf({ env }: Storage): Promise<unknown[]> {
  if (env.DATABASE_URL) return contentOfPostgres(env.DATABASE_URL);
  const database = new BetterSqlite(join(env.DATA_DIR!, 'tidemark.db'), { readonly: true });
  try {
    return [
      ...database.prepare('SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2').all(),
      ...database.prepare('SELECT * FROM migrations ORDER BY id').all(),
      database.pragma('schema_version'),
      database.pragma('data_version'),
    ];
  } finally {
    database.close();
  }
}

async function contentOfPostgres(url: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const queries = [
      `SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = current_schema() ORDER BY 1, 2`,
      `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1`,
      `SELECT * FROM migrations ORDER BY id`,
    ];
    const rows: unknown[] = [];
    for (const sql of queries) rows.push(...(await client.query<object>(sql)).rows);
    return rows;
  } finally {
    await client.end();
  }
}
