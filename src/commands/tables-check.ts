import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import type { Config } from '../foundation/config/config.js';
import { compareTables } from '../foundation/database/compare-tables.js';
import { connectPostgres } from '../foundation/database/connect-postgres.js';
import { NO_TABLES, readTables, type FoundTables } from '../foundation/database/found-tables.js';
import { cannotOpenFile, sqliteFile } from '../foundation/database/open.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import type { Schema } from '../protocol/schema.js';
import { serverTables } from '../tables.js';

/**
 * Says what starting the server with a declaration would change in its database. Changes nothing; a server may be running.
 * @returns one line for each change
 * @throws AppStartError with one line for each reason why the server would refuse to start
 */
export async function checkTables(config: Config, schema: Schema): Promise<string> {
  const dialect = config.databaseUrl ? 'postgres' : 'sqlite';
  const found = config.databaseUrl
    ? await readPostgres(config.databaseUrl)
    : await readSqlite(sqliteFile(config.dataDir));
  const { faults, changes } = compareTables(dialect, found ?? NO_TABLES, schema, serverTables);
  if (faults.length > 0) throw new AppStartError(faults.join('\n'));
  const place = config.databaseUrl ? 'the PostgreSQL database' : sqliteFile(config.dataDir);
  const first = !found
    ? `There is no database ${place} yet. Starting the server makes it:`
    : found.version === 0
      ? `There are no records in ${place} yet. Starting the server makes their tables:`
      : found.version === schema.version
        ? `Starting the server changes ${place}, which stays at schema version ${found.version}:`
        : `Starting the server brings ${place} from schema version ${found.version} to ${schema.version}:`;
  if (found && changes.length === 0) return `Starting the server changes nothing in ${place}.`;
  return [first, ...changes].join('\n');
}

async function readSqlite(file: string): Promise<FoundTables | null> {
  if (!existsSync(file)) return null;
  const database = new BetterSqlite(file, { readonly: true, timeout: 5_000 });
  try {
    database.exec('BEGIN'); // one view of it, also while a server migrates
    return await readTables('sqlite', async (sql) => database.prepare(sql).all(), serverTables);
  } catch (error) {
    throw cannotOpenFile(file, error);
  } finally {
    database.close();
  }
}

async function readPostgres(url: string): Promise<FoundTables> {
  const client = await connectPostgres(url, 'tidemark tables');
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return await readTables('postgres', async (sql) => (await client.query<object>(sql)).rows, serverTables);
  } finally {
    await client.end();
  }
}
