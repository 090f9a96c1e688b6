import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { makeDataDir } from '../files/data-dir.js';
import { AppStartError } from '../errors/app-start-error.js';
import type { Schema } from '../../protocol/schema.js';
import { DiskSpace } from '../files/disk-space.js';
import { closeToOthers } from '../files/private-files.js';
import { FolderLock } from '../files/folder-lock.js';
import type { Database } from './database.js';
import { migrate, ormOptions, type Declared } from './migrate.js';
import { openPostgres, toStderr, type OpenOptions, type Tell } from './open-postgres.js';
import { checkRecordNames, type ServerTables } from './server-tables.js';
import { SqliteDatabase } from './sqlite.database.js';
import { isWriteFault, sqliteWriteFault } from './write-faults.js';

/** The database, its companions, and what restores put aside. */
const DATABASE_FILE = /^(tidemark|before-restore-\d+)\.db/;

/** The path of the SQLite database in a data directory. */
export function sqliteFile(dataDir: string): string {
  return join(dataDir, 'tidemark.db');
}

/**
 * Connects to the configured database and migrates it to the declared tables.
 * @param schema the records
 * @param server the server's own tables
 * @throws AppStartError when the database cannot be reached, contradicts the declaration (nothing is changed then), or
 *   `schema` and `server` declare the same name
 */
export async function openDatabase(
  config: Config,
  schema: Schema,
  server: ServerTables,
  options: OpenOptions = {},
): Promise<Database> {
  checkRecordNames(schema, server);
  const declared = { schema, server };
  return config.databaseUrl
    ? openPostgres(config, config.databaseUrl, declared, options)
    : openSqlite(config, declared, options.tell ?? toStderr);
}

async function openSqlite(config: Config, declared: Declared, tell: Tell): Promise<Database> {
  makeDataDir(config.dataDir);
  const lock = FolderLock.take(config.dataDir);
  try {
    for (const name of readdirSync(config.dataDir)) {
      if (DATABASE_FILE.test(name)) closeToOthers(join(config.dataDir, name), tell);
    }
    return await openSqliteFile(config, declared, lock);
  } catch (error) {
    lock.release();
    throw cannotOpenFile(sqliteFile(config.dataDir), error);
  }
}

/** The sentence for a file that SQLite cannot open; an error that is not SQLite's as it is. */
export function cannotOpenFile(file: string, error: unknown): unknown {
  const { code = '', message } = error as { code?: string; message: string };
  if (!code.startsWith('SQLITE_')) return error;
  return new AppStartError(sentenceFor(file, code, message, error), { cause: error });
}

function sentenceFor(file: string, code: string, message: string, error: unknown): string {
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) {
    return `${file} is damaged, or no database (${message}); restore a backup.`;
  }
  if (code.startsWith('SQLITE_BUSY'))
    return `${file} is locked by another program (${message}); end that one first.`;
  if (isWriteFault(sqliteWriteFault(error)))
    return `The database ${file} takes no write (${message}); make room on the disk, or make it writable.`;
  return `Cannot open the database ${file}: ${message}.`;
}

async function openSqliteFile(config: Config, declared: Declared, lock: FolderLock): Promise<Database> {
  const file = sqliteFile(config.dataDir);
  let writer: BetterSqlite.Database | undefined;
  const dataSource = new DataSource({
    ...ormOptions('sqlite', declared),
    type: 'better-sqlite3',
    database: file,
    prepareDatabase: (handle: BetterSqlite.Database) => {
      writer = handle;
      handle.pragma('journal_mode = WAL');
      handle.pragma('synchronous = FULL');
      handle.pragma('busy_timeout = 5000');
      handle.pragma('trusted_schema = OFF');
    },
  });
  try {
    await dataSource.initialize();
    if (!writer) throw new Error('TypeORM opened no SQLite connection.');
    await migrate(dataSource, 'sqlite', (sql) => dataSource.query(sql), declared);
  } catch (error) {
    if (dataSource.isInitialized) await dataSource.destroy();
    else writer?.close();
    throw error;
  }
  return new SqliteDatabase(dataSource, writer, file, config.maxOpenSnapshots, lock, new DiskSpace(config));
}
