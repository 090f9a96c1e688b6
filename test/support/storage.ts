import { cp, rm } from 'node:fs/promises';
import { Postgres, startPostgres } from './postgres.js';
import { makeScratchDir } from './scratch.js';

/** The databases on which tests run. */
export type DatabaseName = 'sqlite' | 'postgres';

/** The environment variable by which a test run names the socket folder of its PostgreSQL. */
export const POSTGRES_SOCKET_DIR = 'TIDEMARK_TEST_POSTGRES';

/** Where one server keeps its data, with the server options that select it, and its removal. */
export interface Storage {
  readonly env: Readonly<Record<string, string>>;
  dispose(): Promise<void>;
}

/** How the storage is made. */
export interface StorageOptions {
  /** A server to make the database on. Default: the test run's, or one that is started for this process. */
  postgres?: Postgres;
  /** Keep the folder on a real disk (for PostgreSQL pass a `postgres` that is durable). Default: in memory. */
  durable?: boolean;
  /** The PostgreSQL database to copy. Default: an empty one. */
  template?: string;
}

/** Makes an empty folder, and on PostgreSQL an empty database, for one or several servers. */
export async function createStorage(database: DatabaseName, options: StorageOptions = {}): Promise<Storage> {
  const dataDir = makeScratchDir('data', options.durable);
  const removeFolder = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  if (database === 'sqlite') return { env: { DATA_DIR: dataDir }, dispose: removeFolder };
  const postgres = options.postgres ?? (await joinPostgres());
  const name = await postgres.createDatabase(options.template);
  return {
    env: { DATA_DIR: dataDir, DATABASE_URL: postgres.url(name) },
    dispose: async () => {
      await postgres.dropDatabase(name);
      if (!options.postgres) await leavePostgres();
      await removeFolder();
    },
  };
}

let shared: Promise<Postgres> | undefined;
let users = 0;

/** The PostgreSQL of this test run, or one that lives as long as any storage of this process. */
export function joinPostgres(): Promise<Postgres> {
  users += 1;
  const socketDir = process.env[POSTGRES_SOCKET_DIR];
  shared ??= socketDir ? Promise.resolve(new Postgres(socketDir)) : startPostgres();
  return shared;
}

/** Ends one use from `joinPostgres`; the last one stops a PostgreSQL started by this process. */
export async function leavePostgres(): Promise<void> {
  users -= 1;
  if (users > 0) return;
  const leaving = shared;
  shared = undefined;
  await (await leaving)?.stop();
}

/** Copies what a storage holds, as a volume snapshot does; no server may run on it meanwhile. */
export async function copyStorage({ env }: Storage, options: StorageOptions = {}): Promise<Storage> {
  const { DATA_DIR, DATABASE_URL } = env;
  const copy = await (DATABASE_URL
    ? createStorage('postgres', { ...options, template: new URL(DATABASE_URL).pathname.slice(1) })
    : createStorage('sqlite', options));
  await cp(DATA_DIR!, copy.env.DATA_DIR!, { recursive: true });
  return copy;
}
