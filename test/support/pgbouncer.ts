import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { makeScratchDir } from './scratch.js';
import { joinPostgres, leavePostgres } from './storage.js';

const READY_DEADLINE_MS = 30_000;
const UNPRIVILEGED_ID = 65_534;
const PORT = 6432;
const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find((path) =>
  existsSync(path),
);

/** Declares tests that need PgBouncer; they are skipped, loudly, where it is not installed. */
export const describeWithPgBouncer = PROGRAM === undefined ? describe.skip : describe;
if (PROGRAM === undefined) {
  console.warn('\n!! PgBouncer is not installed here (apt-get install pgbouncer): poolers are NOT tried.\n');
}

/** A PgBouncer before one new database of the test run's PostgreSQL. */
export class PgBouncer implements AsyncDisposable {
  private constructor(
    /** The `DATABASE_URL` through it. */
    readonly url: string,
    private readonly stop: () => Promise<void>,
  ) {}

  /** @param settings of its configuration file, such as `pool_mode` */
  static async start(settings: Record<string, string | number>): Promise<PgBouncer> {
    const postgres = await joinPostgres();
    const database = await postgres.createDatabase();
    const folder = makeScratchDir('pgbouncer');
    chmodSync(folder, 0o777);
    const all = {
      listen_addr: '',
      listen_port: PORT,
      unix_socket_dir: folder,
      auth_type: 'any',
      ...settings,
    };
    const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
    const file = join(folder, 'pgbouncer.ini');
    writeFileSync(
      file,
      `[databases]\n${database} = host=${postgres.socketDir} user=postgres\n[pgbouncer]\n${lines.join('\n')}\n`,
    );
    const child = launch(file);
    const url = `postgres://postgres@/${database}?host=${folder}&port=${PORT}`;
    const stop = async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await exited;
      }
      await postgres.dropDatabase(database);
      await leavePostgres();
      rmSync(folder, { recursive: true, force: true });
    };
    try {
      await untilReady(url, child);
    } catch (error) {
      await stop();
      throw error;
    }
    return new PgBouncer(url, stop);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** It refuses to run as root; it ends with this process. */
function launch(file: string): ChildProcess {
  const isRoot = process.getuid?.() === 0;
  const hasSetpriv = spawnSync('setpriv', ['--version']).status === 0;
  const user = isRoot ? [`--reuid=${UNPRIVILEGED_ID}`, `--regid=${UNPRIVILEGED_ID}`, '--clear-groups'] : [];
  const [program, args] = hasSetpriv
    ? ['setpriv', ['--pdeathsig=KILL', ...user, '--', PROGRAM!, '-q', file]]
    : [PROGRAM!, ['-q', file]];
  const child = spawn(program, args, { stdio: 'ignore' });
  child.unref();
  return child;
}

async function untilReady(url: string, child: ChildProcess): Promise<void> {
  for (const deadline = performance.now() + READY_DEADLINE_MS; ; await delay(20)) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return;
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error('PgBouncer did not start.', { cause: error });
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}
