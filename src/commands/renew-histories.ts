import { existsSync } from 'node:fs';
import BetterSqlite from 'better-sqlite3';
import type pg from 'pg';
import type { Config } from '../foundation/config/config.js';
import { checkPostgres } from '../foundation/database/check-postgres.js';
import { connectPostgres, reasonOf } from '../foundation/database/connect-postgres.js';
import { takeMigrationLock } from '../foundation/database/migration-lock.js';
import { cannotOpenFile, sqliteFile } from '../foundation/database/open.js';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import { FolderLock } from '../foundation/files/folder-lock.js';

/**
 * Runs `tidemark renew-histories`: gives every account a new history, so that every client asks its person.
 * @returns a sentence that says what was done
 * @throws AppStartError
 */
export async function renewHistories(config: Config): Promise<string> {
  const accounts = config.databaseUrl
    ? await renewOnPostgres(config.databaseUrl)
    : renewOnSqlite(config.dataDir);
  return `Gave ${accounts} accounts a new history. Their devices ask which data to keep at their next sync.`;
}

function renewOnSqlite(dataDir: string): number {
  const file = sqliteFile(dataDir);
  if (!existsSync(file)) throw new AppStartError(`There is no database ${file}; see --data-dir.`);
  const lock = FolderLock.take(dataDir);
  try {
    const handle = new BetterSqlite(file);
    try {
      return handle.transaction(() => renewSqliteHistories(handle, Date.now()))();
    } finally {
      handle.close();
    }
  } catch (error) {
    throw isWithoutTables(error) ? notTidemark(error) : cannotOpenFile(file, error);
  } finally {
    lock.release();
  }
}

async function renewOnPostgres(url: string): Promise<number> {
  const client = await connectPostgres(url, 'tidemark renew-histories');
  try {
    await checkPostgres(url, client); // a pooler may leave the lock with a session that goes on
    // A server that starts may be about to migrate these tables.
    await takeMigrationLock(client, (sentence) => process.stderr.write(`${sentence}\n`));
    await client.query('BEGIN');
    const accounts = await renewPostgresHistories(client, Date.now());
    await client.query('COMMIT');
    return accounts;
  } catch (error) {
    if (isWithoutTables(error)) throw notTidemark(error);
    if (error instanceof AppStartError) throw error;
    throw new AppStartError(`Cannot renew the histories: ${reasonOf(error)}.`, { cause: error });
  } finally {
    await client.end();
  }
}

function isWithoutTables(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string };
  return code === '42P01' || message === 'no such table: accounts';
}

function notTidemark(cause: unknown): AppStartError {
  return new AppStartError('This database has no accounts: no server has run on it.', { cause });
}

/** @param max the function that returns the greater of two @param random an expression for random hex digits */
const renewal = (max: string, now: string, random: string) => ({
  histories: `UPDATE accounts SET history_id = ${random}, clock = ${max}(${now}, clock + 1),
    origin = ${max}(${now}, clock + 1)`,
  // Stamps of the old history must not be taken for ones of the new.
  checkpoints: [
    `UPDATE accounts SET stamps_from = clock, mark = substr(${random}, 1, 8)`,
    'DELETE FROM account_checkpoints',
    'INSERT INTO account_checkpoints (account_id, stamp, mark) SELECT id, clock, mark FROM accounts',
  ],
});

const onSqlite = renewal('max', '?1', 'lower(hex(randomblob(16)))');
const onPostgres = renewal('greatest', '$1::bigint', 'gen_random_uuid()::text');

/**
 * Gives every account a new history that begins now; for a database of any version.
 * @param now epoch ms
 * @returns the number of accounts
 */
export function renewSqliteHistories(handle: BetterSqlite.Database, now: number): number {
  const { changes } = handle.prepare(onSqlite.histories).run({ 1: now });
  const hasCheckpoints = handle
    .prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'account_checkpoints'")
    .get();
  // Otherwise the next start makes them.
  if (hasCheckpoints) for (const statement of onSqlite.checkpoints) handle.exec(statement);
  return changes;
}

/** Does the same; the caller's transaction keeps running servers from writing records until it ends. */
export async function renewPostgresHistories(client: pg.ClientBase, now: number): Promise<number> {
  await client.query('LOCK TABLE accounts IN EXCLUSIVE MODE');
  const { rowCount } = await client.query(onPostgres.histories, [now]);
  const checkpoints = await client.query("SELECT 1 WHERE to_regclass('account_checkpoints') IS NOT NULL");
  if (checkpoints.rowCount) for (const statement of onPostgres.checkpoints) await client.query(statement);
  return rowCount ?? 0;
}
