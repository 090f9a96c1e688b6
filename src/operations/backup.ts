import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import type { Config } from '../config/config.js';
import { makeDataDir } from '../config/data-dir.js';
import { DataLock } from '../database/data-lock.js';
import { sqliteFile } from '../database/open.js';
import { AppStartError } from '../errors/app-start-error.js';

/**
 * Writes a consistent copy of the data, while the server may be running.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function backup(config: Config, file: string): Promise<string> {
  if (existsSync(file)) throw new AppStartError(`${file} exists already; a backup replaces nothing.`);
  if (config.databaseUrl) {
    runPostgresTool('pg_dump', config.databaseUrl, [
      '--format=custom',
      `--file=${file}`,
      '--no-owner',
      '--no-privileges',
    ]);
  } else {
    backupSqlite(sqliteFile(config.dataDir), file);
  }
  return `Wrote ${file}.`;
}

/**
 * Brings a backup back, with new histories, so that every client notices and asks its person.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restore(config: Config, file: string): Promise<string> {
  if (!existsSync(file)) throw new AppStartError(`There is no file ${file}.`);
  return config.databaseUrl ? restorePostgres(config.databaseUrl, file) : restoreSqlite(config.dataDir, file);
}

function backupSqlite(database: string, file: string): void {
  if (!existsSync(database)) throw new AppStartError(`There is no database ${database}; see --data-dir.`);
  const temporary = `${file}.part`;
  rmSync(temporary, { force: true });
  const source = new BetterSqlite(database, { readonly: true });
  try {
    source.pragma('busy_timeout = 5000');
    source.prepare('VACUUM INTO ?').run(temporary);
    publish(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new AppStartError(`Cannot write ${file}: ${(error as Error).message}`, { cause: error });
  } finally {
    source.close();
  }
}

function restoreSqlite(dataDir: string, file: string): string {
  makeDataDir(dataDir);
  const lock = DataLock.take(dataDir);
  const database = sqliteFile(dataDir);
  const temporary = `${database}.part`;
  try {
    copyFileSync(file, temporary);
    const accounts = renewSqliteHistories(temporary, file);
    let kept = '';
    if (existsSync(database)) {
      const aside = join(dataDir, `before-restore-${Date.now()}.db`);
      foldWal(database);
      renameSync(database, aside);
      kept = ` What was there before is kept as ${aside}.`;
    }
    publish(temporary, database);
    return `Restored ${accounts} accounts, with new histories.${kept}`;
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${temporary}${suffix}`, { force: true });
    lock.release();
  }
}

/** Gives every account a new history that begins now. @returns the number of accounts */
function renewSqliteHistories(copy: string, file: string): number {
  const handle = openBackup(copy, file);
  try {
    const renew = handle.prepare(
      'UPDATE accounts SET history_id = ?, clock = max(?, clock + 1), origin = max(?, clock + 1) WHERE id = ?',
    );
    const ids = handle.prepare('SELECT id FROM accounts').pluck().all() as string[];
    const now = Date.now();
    handle.transaction(() => {
      for (const id of ids) renew.run(randomUUID(), now, now, id);
      handle.exec('DELETE FROM pairing_codes');
    })();
    return ids.length;
  } finally {
    handle.close();
  }
}

function openBackup(copy: string, file: string): BetterSqlite.Database {
  const refuse = (cause?: unknown) =>
    new AppStartError(`${file} is no Tidemark backup, or it is damaged.`, { cause });
  const handle = new BetterSqlite(copy);
  try {
    handle.pragma('trusted_schema = OFF');
    if (handle.pragma('quick_check', { simple: true }) !== 'ok') throw refuse();
    handle.prepare('SELECT history_id, clock, origin FROM accounts LIMIT 1').get();
    return handle;
  } catch (error) {
    handle.close();
    throw error instanceof AppStartError ? error : refuse(error);
  }
}

/** Brings what is still in the write-ahead log into the file itself, so that the file alone is whole. */
function foldWal(database: string): void {
  const handle = new BetterSqlite(database);
  handle.pragma('wal_checkpoint(TRUNCATE)');
  handle.pragma('journal_mode = DELETE');
  handle.close();
}

/** Makes a finished file appear under its name, durably. */
function publish(temporary: string, file: string): void {
  for (const path of [temporary, null, dirname(file)]) {
    if (path === null) {
      renameSync(temporary, file);
      continue;
    }
    const descriptor = openSync(path, 'r');
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

async function restorePostgres(url: string, file: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, application_name: 'tidemark restore' });
  await client.connect();
  try {
    const running = await client.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'tidemark'`,
    );
    if (running.rowCount) throw new AppStartError('A server runs on this database; stop it first.');
    runPostgresTool('pg_restore', url, [
      '--clean',
      '--if-exists',
      '--single-transaction',
      '--no-owner',
      '--no-privileges',
      file,
    ]);
    const renewed = await client.query(
      `UPDATE accounts SET history_id = gen_random_uuid()::text, clock = greatest($1::bigint, clock + 1),
         origin = greatest($1::bigint, clock + 1)`,
      [Date.now()],
    );
    await client.query('DELETE FROM pairing_codes');
    return `Restored ${renewed.rowCount} accounts, with new histories.`;
  } finally {
    await client.end();
  }
}

/** Runs one of PostgreSQL's own tools; the password travels in the environment, where other users cannot see it. */
function runPostgresTool(tool: 'pg_dump' | 'pg_restore', url: string, args: string[]): void {
  const address = new URL(url);
  const password = decodeURIComponent(address.password);
  address.password = '';
  const result = spawnSync(tool, [...args, `--dbname=${address.href}`], {
    env: { ...process.env, ...(password && { PGPASSWORD: password }) },
    encoding: 'utf8',
  });
  const byHand = `Run it where it is installed, in the server's version: ${tool} ${args.join(' ')} --dbname=<DATABASE_URL>`;
  if (result.error)
    throw new AppStartError(`${tool} is not installed here. ${byHand}`, { cause: result.error });
  if (result.status !== 0) {
    const reason = result.stderr.trim().split('\n').slice(0, 3).join(' ');
    throw new AppStartError(`${tool} failed: ${reason}\n${byHand}`);
  }
}
