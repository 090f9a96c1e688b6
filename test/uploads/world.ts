import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import BetterSqlite from 'better-sqlite3';
import { Database } from '../../src/foundation/database/database.js';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { startApp, type DatabaseName, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { getAsOperator } from '../support/operator.js';
import { makeScratchDir } from '../support/scratch.js';
import { TestClock } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';

export const MINUTE_MS = 60_000;

/** The part of `GET /health` about uploads. */
export interface UploadsHealth {
  status: string;
  uploads: {
    pending: number;
    oldest_pending_age_seconds: number;
    failing: number;
    last_failure: { at: number; reason: string } | null;
  };
}

/** A server with a clock that the test sets, and a store of its own, which the test can make unavailable. */
export class World implements AsyncDisposable {
  app!: TestApp;
  private readonly elsewhere: { app: TestApp; dataDir: string }[] = [];

  private constructor(
    readonly database: DatabaseName,
    readonly clock: TestClock,
    readonly data: Storage,
    readonly folder: string,
    private readonly env: Record<string, string>,
  ) {}

  /** @param env further options */
  static async make(database: DatabaseName, env: Record<string, string> = {}): Promise<World> {
    const folder = join(makeScratchDir('store'), 'objects');
    const world = new World(database, new TestClock(), await createStorage(database), folder, env);
    await world.start();
    return world;
  }

  /** Starts the server, or restarts it after `app.stop()`. @param env options that differ from before */
  async start(env: Record<string, string> = {}): Promise<void> {
    this.app = await startApp(this.database, {
      storage: this.data,
      now: this.clock.now,
      env: { ...storeIn(this.folder), ...this.env, ...env },
    });
  }

  /**
   * Starts another server on the same database and store, with a data folder without documents. On SQLite the database
   * file is copied to that folder; the first server must have stopped.
   */
  async startElsewhere(): Promise<TestApp> {
    const from = this.data.env.DATA_DIR!;
    const dataDir = makeScratchDir('elsewhere');
    cpSync(from, dataDir, { recursive: true, filter: (path) => path !== join(from, 'documents') });
    const app = await startApp(this.database, {
      storage: { env: { ...this.data.env, DATA_DIR: dataDir }, dispose: async () => {} },
      now: this.clock.now,
      env: { ...storeIn(this.folder), ...this.env },
    });
    this.elsewhere.push({ app, dataDir });
    return app;
  }

  /** Moves the clock, and runs the schedule once, as happens every minute. */
  async pass(minutes: number): Promise<void> {
    this.clock.ms += minutes * MINUTE_MS;
    await this.tick();
  }

  tick(): Promise<void> {
    return this.app.nest.get(UploadSchedule).tick();
  }

  /** The keys of all objects in the store. */
  objects(): string[] {
    return objectsIn(this.folder);
  }

  /** Replaces the store's folder by a link to itself: nothing can be read, written or removed there. */
  loseStore(): void {
    renameSync(this.folder, `${this.folder}-away`);
    symlinkSync(this.folder, this.folder);
  }

  returnStore(): void {
    rmSync(this.folder);
    renameSync(`${this.folder}-away`, this.folder);
  }

  /** The paths of the working copies. */
  workingCopies(): string[] {
    return filesIn(join(this.data.env.DATA_DIR!, 'documents')).filter((path) => path.endsWith('.db'));
  }

  /** Files of uploads and imports under way. */
  temporaryFiles(): string[] {
    return filesIn(join(this.data.env.DATA_DIR!, 'documents')).filter((path) => path.includes('incoming'));
  }

  async health(): Promise<UploadsHealth> {
    const reply = await getAsOperator(`${this.app.url}/health`);
    expect(reply.status).toBe(200);
    return reply.body as UploadsHealth;
  }

  /** The value of one metric at `/metrics`. */
  async metric(name: string): Promise<number> {
    const reply = await getAsOperator(`${this.app.url}/metrics`);
    expect(reply.status).toBe(200);
    const line = String(reply.body)
      .split('\n')
      .find((candidate) => candidate.startsWith(`${name} `));
    return Number(line?.split(' ')[1]);
  }

  /** Queries the database, SQLite or PostgreSQL. */
  query<R extends object>(sql: string): Promise<R[]> {
    return this.app.nest.get(Database).query<R>(sql);
  }

  newDevice(): Promise<TestDevice> {
    return this.app.newDevice();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const { app } of this.elsewhere) await app.stop();
      await this.app.close();
    } finally {
      await this.data.dispose();
      for (const { dataDir } of this.elsewhere) rmSync(dataDir, { recursive: true, force: true });
      rmSync(join(this.folder, '..'), { recursive: true, force: true });
    }
  }
}

/** Options for servers whose tokens must outlive the test's moves of the clock. */
export const TOKENS_THAT_LAST = { ACCESS_TOKEN_TTL_SECONDS: '31536000' };

/** The options of a server whose store is a folder. */
export function storeIn(folder: string): Record<string, string> {
  return { STORAGE_URL: `file:${folder}`, ...TOKENS_THAT_LAST };
}

/** The keys of all objects below a store's folder. */
export function objectsIn(folder: string): string[] {
  return filesIn(folder).filter((key) => key.endsWith('.db.gz'));
}

/** Whether an object is a complete, intact database. */
export function isSound(folder: string, key: string): boolean {
  const database = new BetterSqlite(gunzipSync(readFileSync(join(folder, key))));
  try {
    return database.pragma('integrity_check', { simple: true }) === 'ok';
  } finally {
    database.close();
  }
}

/** Paths of all files below a folder, relative to it; files that vanish meanwhile are ignored. */
export function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Gives each test of a block a database and a folder for a store, for servers in separate processes. */
export function useStore(database: DatabaseName): () => { storage: Storage; folder: string } {
  let storage: Storage;
  let folder: string;
  beforeEach(async () => {
    storage = await createStorage(database);
    folder = join(makeScratchDir('store'), 'objects');
  });
  afterEach(async () => {
    rmSync(dirname(folder), { recursive: true, force: true });
    await storage.dispose();
  });
  return () => ({ storage, folder });
}
