import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { Config } from '../foundation/config/config.js';
import { sqliteFile } from '../foundation/database/open.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { syncToDiskSync } from '../foundation/files/sync-to-disk.js';
import { runPostgresTool } from './postgres-tool.js';

/**
 * Writes a consistent copy of the data; the server may be running.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function backup(config: Config, file: string): Promise<string> {
  if (existsSync(file)) throw new AppStartError(`${file} exists already; a backup replaces nothing.`);
  const temporary = `${file}.part`;
  rmSync(temporary, { force: true });
  try {
    if (config.databaseUrl) dumpPostgres(config.databaseUrl, temporary);
    else copySqlite(sqliteFile(config.dataDir), temporary);
    publish(temporary, file);
  } catch (error) {
    if (error instanceof AppStartError) throw error;
    throw new AppStartError(`Cannot write ${file}: ${(error as Error).message}`, { cause: error });
  } finally {
    rmSync(temporary, { force: true });
  }
  return `Wrote ${file}.`;
}

function copySqlite(database: string, file: string): void {
  if (!existsSync(database)) throw new AppStartError(`There is no database ${database}; see --data-dir.`);
  const source = new BetterSqlite(database, { readonly: true });
  try {
    source.pragma('busy_timeout = 5000');
    source.prepare('VACUUM INTO ?').run(file);
  } finally {
    source.close();
  }
}

function dumpPostgres(url: string, file: string): void {
  runPostgresTool('pg_dump', url, ['--format=custom', `--file=${file}`, '--no-owner', '--no-privileges']);
}

/** Renames a finished file durably: both the file and its folder are synced to disk. */
export function publish(temporary: string, file: string): void {
  syncToDiskSync(temporary);
  renameSync(temporary, file);
  syncToDiskSync(dirname(file));
}
