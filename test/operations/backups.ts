import { rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { startApp, type DatabaseName, type TestApp } from '../support/app.js';
import { postgresFolders } from '../support/postgres-tools.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark, type CommandResult } from '../support/server-process.js';
import type { TestClock } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';
import { MINUTE_MS, storeIn } from '../uploads/world.js';

const [toolsFolder] = postgresFolders();

/** The databases that can be backed up here: PostgreSQL only if its tools are installed. */
export const databasesWithTools: DatabaseName[] =
  toolsFolder === undefined ? ['sqlite'] : ['sqlite', 'postgres'];

/** Where a server keeps its data, its objects and its backups. */
export class Site implements AsyncDisposable {
  readonly folder = makeScratchDir('site');
  /** Where the objects are. */
  readonly objects = join(this.folder, 'objects');
  private readonly backups = makeScratchDir('backups');

  /** @param env options of the server and of the commands */
  constructor(
    readonly database: DatabaseName,
    readonly storage: Storage,
    private readonly env: Record<string, string>,
  ) {}

  /** The path of a backup. */
  backup(name = 'tidemark.backup'): string {
    return join(this.backups, name);
  }

  /** Starts a server. @param env options that differ from the site's @param now its clock; default: the real one */
  start(env: Record<string, string> = {}, now?: () => number): Promise<TestApp> {
    const options = { ...storeIn(this.objects), ...this.env, ...env };
    return startApp(this.database, { storage: this.storage, now, env: options });
  }

  /** Runs a command to its end. @param env options that differ from the site's */
  command(args: string[], env: Record<string, string> = {}): Promise<CommandResult> {
    const PATH = [toolsFolder, process.env.PATH].join(delimiter);
    return runTidemark(args, { ...this.storage.env, ...storeIn(this.objects), ...this.env, ...env, PATH });
  }

  /** Makes or restores a backup, and expects success. @returns the command's output */
  async run(
    command: 'backup' | 'restore',
    { name, env }: { name?: string; env?: Record<string, string> } = {},
  ): Promise<string> {
    const { code, stdout, stderr } = await this.command([command, this.backup(name)], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of [this.folder, this.backups]) rmSync(folder, { recursive: true, force: true });
    await this.storage.dispose();
  }
}

/**
 * Gives the tests of a block a PostgreSQL of the same version as its tools.
 * @returns a function that makes a new site
 */
export function useSites(database: DatabaseName): (env?: Record<string, string>) => Promise<Site> {
  let postgres: Postgres | undefined;
  beforeAll(async () => {
    if (database === 'postgres') postgres = await startPostgres({ binDir: toolsFolder });
  });
  afterAll(() => postgres?.stop());
  return async (env = {}) => new Site(database, await createStorage(database, { postgres }), env);
}

/** Moves the clock, and lets the server upload and sweep what is due. */
export function pass(app: TestApp, clock: TestClock, minutes: number): Promise<void> {
  clock.ms += minutes * MINUTE_MS;
  return app.nest.get(UploadSchedule).tick();
}

type Work = (server: TestApp) => Promise<unknown>;

/** One backup and one restore for all tests of a block; each test has accounts of its own. */
export class SharedRestore {
  /** The server that runs on the restored data. */
  app!: TestApp;
  site!: Site;
  /** When the restore began, epoch ms. */
  restoredFrom = 0;
  private readonly workBefore: Work[] = [];
  private readonly workAfter: Work[] = [];

  /** Declares what happens before the backup. */
  beforeBackup(work: Work): void {
    this.workBefore.push(work);
  }

  /** Declares what happens between the backup and the restore, while the server runs. */
  beforeRestore(work: Work): void {
    this.workAfter.push(work);
  }

  async play(site: Site): Promise<void> {
    this.site = site;
    await using server = await site.start();
    for (const work of this.workBefore) await work(server);
    await site.run('backup');
    for (const work of this.workAfter) await work(server);
    await server.stop();
    this.restoredFrom = Date.now();
    await site.run('restore');
    this.app = await site.start();
  }

  async close(): Promise<void> {
    await this.app?.close();
    await this.site?.[Symbol.asyncDispose]();
  }
}

/** Declares that all tests of a block use one restore. @param env options of the server and of the commands */
export function shareRestore(database: DatabaseName, env?: Record<string, string>): SharedRestore {
  const shared = new SharedRestore();
  afterAll(() => shared.close()); // hooks run in the order of their declaration: this one before PostgreSQL stops
  const openSite = useSites(database);
  beforeAll(async () => shared.play(await openSite(env)));
  return shared;
}
