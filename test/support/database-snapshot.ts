import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { joinPostgres, leavePostgres, type Storage } from './storage.js';

/** A database as it was at some time. */
export interface DatabaseSnapshot extends AsyncDisposable {
  /** Puts it back in place, as an operator does with a volume's snapshot; no server may run. Other files stay. */
  putBack(): Promise<void>;
}

/** Copies the database of a server that has stopped: the file of SQLite, or a clone on PostgreSQL. */
export async function snapshotOf({ env }: Storage): Promise<DatabaseSnapshot> {
  return env.DATABASE_URL ? cloneOf(new URL(env.DATABASE_URL).pathname.slice(1)) : copyOf(env.DATA_DIR!);
}

async function cloneOf(name: string): Promise<DatabaseSnapshot> {
  const postgres = await joinPostgres();
  const clone = await postgres.createDatabase(name);
  return {
    putBack: async () => {
      await postgres.dropDatabase(name);
      await postgres.query(`CREATE DATABASE ${name} TEMPLATE ${clone} STRATEGY FILE_COPY`);
    },
    [Symbol.asyncDispose]: async () => {
      await postgres.dropDatabase(clone);
      await leavePostgres();
    },
  };
}

function copyOf(dataDir: string): DatabaseSnapshot {
  const folder = mkdtempSync(join(dataDir, 'snapshot-'));
  const copy = (from: string, to: string): void => {
    for (const name of ['tidemark.db', 'tidemark.db-wal', 'tidemark.db-shm']) {
      rmSync(join(to, name), { force: true });
      if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name));
    }
  };
  copy(dataDir, folder);
  return {
    putBack: async () => copy(folder, dataDir),
    [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
