import { copyFileSync, existsSync, linkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import { RESTORED_GENERATION } from '../auth/refresh-tokens.js';
import { declaredTables } from '../declared-tables.js';
import type { Config } from '../foundation/config/config.js';
import { FIRST_MIGRATION } from '../foundation/database/migrations.js';
import { MIGRATION_LOCK, sqliteFile } from '../foundation/database/open.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { makeDataDir } from '../foundation/files/data-dir.js';
import { FolderLock } from '../foundation/files/folder-lock.js';
import type { Schema } from '../protocol/schema.js';
import { serverTables } from '../tables.js';
import { publish } from './backup.js';
import { runPostgresTool } from './postgres-tool.js';
import { renewPostgresHistories, renewSqliteHistories } from './renew-histories.js';
import { renewPostgresDocuments, renewSqliteDocuments } from './restored-documents.js';

/**
 * Restores a backup. Every account gets a new history, so that every client notices and asks its user.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function restore(config: Config, file: string): Promise<string> {
  if (!existsSync(file)) throw new AppStartError(`There is no file ${file}.`);
  // Before anything is replaced: the declaration may have faults.
  const schema = await declaredTables(config.tables);
  return config.databaseUrl
    ? restorePostgres(config.databaseUrl, file, schema)
    : restoreSqlite(config.dataDir, file);
}

function restoreSqlite(dataDir: string, file: string): string {
  makeDataDir(dataDir);
  const lock = FolderLock.take(dataDir);
  const database = sqliteFile(dataDir);
  const temporary = `${database}.part`;
  try {
    copyFileSync(file, temporary);
    const { accounts, about } = renewSqlite(temporary, file, dataDir);
    let kept = '';
    if (existsSync(database)) {
      const aside = join(dataDir, `before-restore-${Date.now()}.db`);
      foldWal(database);
      linkSync(database, aside); // a link, not a rename: a crash must never leave the folder without a database
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
 * Gives every account a new history and every document a new epoch.
 * @returns the number of accounts, and a sentence about documents that could not be kept
 */
function renewSqlite(copy: string, file: string, dataDir: string): { accounts: number; about: string } {
  const handle = openBackup(copy, file);
  try {
    const now = Date.now();
    return handle.transaction(() => {
      const accounts = renewSqliteHistories(handle, now);
      handle.exec('DELETE FROM pairing_codes');
      // Share links that were withdrawn after the backup must not work again.
      if (hasTable(handle, 'shares')) handle.exec('DELETE FROM shares');
      handle.exec(TAKE_ANY_REFRESH_TOKEN);
      const about = hasTable(handle, 'documents') ? renewSqliteDocuments(handle, dataDir, now) : '';
      return { accounts, about };
    })();
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

/** Writes the WAL into the database file, so that this file alone is complete. */
function foldWal(database: string): void {
  const handle = new BetterSqlite(database);
  handle.pragma('wal_checkpoint(TRUNCATE)');
  handle.pragma('journal_mode = DELETE');
  handle.close();
}

async function restorePostgres(url: string, file: string, schema: Schema): Promise<string> {
  const client = new pg.Client({ connectionString: url, application_name: 'tidemark restore' });
  await client.connect();
  try {
    // A server that starts from here on waits for this lock before it reads the database.
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
    // If this is interrupted, PostgreSQL rolls it back, and the restore can be run again.
    await client.query('BEGIN');
    await dropLaterTables(client, schema);
    const accounts = await renewPostgres(client);
    await client.query('COMMIT');
    return `Restored ${accounts} accounts, with new histories.`;
  } finally {
    await client.end();
  }
}

/** Does the same as `renewSqlite`. @returns the number of accounts */
async function renewPostgres(client: pg.Client): Promise<number> {
  const accounts = await renewPostgresHistories(client, Date.now());
  await client.query('DELETE FROM pairing_codes');
  if (await hasPostgresTable(client, 'shares')) await client.query('DELETE FROM shares');
  if (await hasPostgresTable(client, 'documents')) await renewPostgresDocuments(client, Date.now());
  await client.query(TAKE_ANY_REFRESH_TOKEN);
  return accounts;
}

async function hasPostgresTable(client: pg.Client, name: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [name]);
  return rowCount === 1;
}

/**
 * Drops tables that are newer than the backup. pg_restore does not know them and leaves them, but their migrations will
 * run again and create them.
 */
async function dropLaterTables(client: pg.Client, schema: Schema): Promise<void> {
  const { rows } = await client.query<{ version: number | null }>(
    `SELECT max(substring(name FROM 'Records(\\d+)')::bigint - ${FIRST_MIGRATION})::integer AS version FROM migrations`,
  );
  for (const [name, table] of Object.entries(schema.tables)) {
    if (table.since > (rows[0]?.version ?? 0)) await client.query(`DROP TABLE IF EXISTS "${name}"`);
  }
  for (const migration of serverTables.migrations) {
    const { rowCount } = await client.query('SELECT 1 FROM migrations WHERE name = $1', [migration.name]);
    if (rowCount) continue;
    for (const name of migration.creates) await client.query(`DROP TABLE IF EXISTS "${name}"`);
  }
}
