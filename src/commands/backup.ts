import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import type { Config } from '../foundation/config/config.js';
import { makeDataDir, syncPath } from '../foundation/files/data-dir.js';
import { DataLock } from '../foundation/files/folder-lock.js';
import { DOCUMENTS, FIRST_MIGRATION, RATE_LIMITS, SHARES } from '../foundation/database/migrations.js';
import { MIGRATION_LOCK, sqliteFile } from '../foundation/database/open.js';
import { RESTORED_GENERATION } from '../auth/refresh-tokens.js';
import { renewPostgresDocuments, renewSqliteDocuments } from './restored-documents.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { schema } from '../protocol/tables.js';

/**
 * Writes a consistent copy of the data, while the server may be running.
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

/**
 * Brings a backup back, with new histories, so that every client notices and asks its person.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restore(config: Config, file: string): Promise<string> {
  if (!existsSync(file)) throw new AppStartError(`There is no file ${file}.`);
  return config.databaseUrl ? restorePostgres(config.databaseUrl, file) : restoreSqlite(config.dataDir, file);
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

function restoreSqlite(dataDir: string, file: string): string {
  makeDataDir(dataDir);
  const lock = DataLock.take(dataDir);
  const database = sqliteFile(dataDir);
  const temporary = `${database}.part`;
  try {
    copyFileSync(file, temporary);
    const { accounts, about } = renewSqliteHistories(temporary, file, dataDir);
    let kept = '';
    if (existsSync(database)) {
      const aside = join(dataDir, `before-restore-${Date.now()}.db`);
      foldWal(database);
      linkSync(database, aside); // not renamed: at every instant there is a database of that name
      kept = ` What was there before is kept as ${aside}.`;
    }
    publish(temporary, database);
    return `Restored ${accounts} accounts, with new histories.${about}${kept}`;
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${temporary}${suffix}`, { force: true });
    lock.release();
  }
}

const TAKE_ANY_REFRESH_TOKEN = `UPDATE devices
  SET refresh_generation = ${RESTORED_GENERATION}, refresh_current = '[]', refresh_previous = NULL`;

/**
 * Gives every account a new history, and every document a new epoch, that begin now.
 * @returns the number of accounts, and a sentence about documents
 */
function renewSqliteHistories(
  copy: string,
  file: string,
  dataDir: string,
): { accounts: number; about: string } {
  const handle = openBackup(copy, file);
  try {
    const renew = handle.prepare(
      'UPDATE accounts SET history_id = ?, clock = max(?, clock + 1), origin = max(?, clock + 1) WHERE id = ?',
    );
    const ids = handle.prepare('SELECT id FROM accounts').pluck().all() as string[];
    const now = Date.now();
    let about = '';
    handle.transaction(() => {
      for (const id of ids) renew.run(randomUUID(), now, now, id);
      handle.exec('DELETE FROM pairing_codes');
      // Links withdrawn since the backup must not open again.
      if (hasTable(handle, 'shares')) handle.exec('DELETE FROM shares');
      handle.exec(TAKE_ANY_REFRESH_TOKEN);
      if (hasTable(handle, 'documents')) about = renewSqliteDocuments(handle, dataDir, now);
    })();
    return { accounts: ids.length, about };
  } finally {
    handle.close();
  }
}

function hasTable(handle: BetterSqlite.Database, name: string): boolean {
  return (
    handle.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?").get(name) !== undefined
  );
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
  syncPath(temporary);
  renameSync(temporary, file);
  syncPath(dirname(file));
}

async function restorePostgres(url: string, file: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, application_name: 'tidemark restore' });
  await client.connect();
  try {
    // A server that starts meanwhile waits for this lock before it looks at the database.
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
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
    // Broken off, the connection's end rolls it back: restoring again is all that is needed.
    await client.query('BEGIN');
    await dropLaterTables(client);
    const accounts = await renewPostgresHistories(client);
    await client.query('COMMIT');
    return `Restored ${accounts} accounts, with new histories.`;
  } finally {
    await client.end();
  }
}

/** As `renewSqliteHistories`. */
async function renewPostgresHistories(client: pg.Client): Promise<number> {
  const renewed = await client.query(
    `UPDATE accounts SET history_id = gen_random_uuid()::text, clock = greatest($1::bigint, clock + 1),
       origin = greatest($1::bigint, clock + 1)`,
    [Date.now()],
  );
  await client.query('DELETE FROM pairing_codes');
  if (await hasPostgresTable(client, 'shares')) await client.query('DELETE FROM shares');
  if (await hasPostgresTable(client, 'documents')) await renewPostgresDocuments(client, Date.now());
  await client.query(TAKE_ANY_REFRESH_TOKEN);
  return renewed.rowCount ?? 0;
}

async function hasPostgresTable(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [name]);
  return rowCount === 1;
}

/** Tables that came since the backup was made are not in it, so restoring leaves them: their migration makes them anew. */
async function dropLaterTables(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number | null }>(
    `SELECT max(substring(name FROM 'Records(\\d+)')::bigint - ${FIRST_MIGRATION})::integer AS version FROM migrations`,
  );
  for (const [name, table] of Object.entries(schema.tables)) {
    if (table.since > (rows[0]?.version ?? 0)) await client.query(`DROP TABLE IF EXISTS "${name}"`);
  }
  for (const { migration, tables } of [SHARES, DOCUMENTS, RATE_LIMITS]) {
    const { rowCount } = await client.query('SELECT 1 FROM migrations WHERE name = $1', [migration]);
    if (rowCount) continue;
    for (const name of tables) await client.query(`DROP TABLE IF EXISTS "${name}"`);
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
