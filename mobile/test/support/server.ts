import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const TIDEMARK = resolve(__dirname, '../../../bin/tidemark.js');
const STOP_MS = 10_000;

const SHARED_SERVER_URL = 'TIDEMARK_TEST_SERVER';

/** Starts the server of this test run, and stores its address for the tests. */
export async function startSharedServer(): Promise<Server> {
  const server = await Server.start();
  process.env[SHARED_SERVER_URL] = server.url;
  return server;
}

/** The server of this test run, for tests that neither stop it nor start it with options. */
export function sharedServer(): { readonly url: string } {
  return { url: process.env[SHARED_SERVER_URL]! };
}

/** A real server in its own process, on a temporary database; the server must be built. */
export class Server implements AsyncDisposable {
  private child: ChildProcess | null = null;
  private address = '';
  private backups = 0;

  private constructor(
    private dataDir: string,
    private readonly env: Record<string, string>,
  ) {}

  /** @param env options by their environment names */
  static async start(env: Record<string, string> = {}): Promise<Server> {
    const server = new Server(await newDataDir(), env);
    await server.launch(0);
    return server;
  }

  /** The server's origin. */
  get url(): string {
    return this.address;
  }

  /** Stops the process as an operator would. */
  async stop(): Promise<void> {
    const { child } = this;
    if (!child) return;
    this.child = null;
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const ended = new Promise((resolveEnd) => child.once('close', resolveEnd));
    child.kill('SIGTERM');
    await ended;
    clearTimeout(force);
  }

  /** Restarts at the same address, with the same data or with none, like a rebuilt server. */
  async startAgain({ isEmpty = false } = {}): Promise<void> {
    await this.stop();
    if (isEmpty) {
      await rm(this.dataDir, { recursive: true });
      this.dataDir = await newDataDir();
    }
    await this.launch(Number(new URL(this.address).port));
  }

  /** Makes a backup while the server runs. @returns a function that stops the server, restores it, and restarts */
  async backUp(): Promise<() => Promise<void>> {
    this.backups += 1;
    const file = join(this.dataDir, `backup-${this.backups}`);
    await this.command('backup', file);
    return async () => {
      await this.stop();
      await this.command('restore', file);
      await this.launch(Number(new URL(this.address).port));
    };
  }

  /** Copies the data, stopping the server meanwhile. @returns a function that puts it back, as a volume's snapshot does */
  async snapshot(): Promise<() => Promise<void>> {
    const copy = `${this.dataDir}-snapshot`;
    await this.stop();
    await cp(this.dataDir, copy, { recursive: true });
    await this.startAgain();
    return async () => {
      await this.stop();
      await rm(this.dataDir, { recursive: true });
      await rename(copy, this.dataDir);
      await this.startAgain();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async command(...args: string[]): Promise<void> {
    await promisify(execFile)(process.execPath, [TIDEMARK, ...args], { env: this.environment() });
  }

  private environment(): NodeJS.ProcessEnv {
    const { PATH = '', HOME = '' } = process.env;
    return {
      PATH,
      HOME,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      DATA_DIR: this.dataDir,
      MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1000000',
      ...this.env,
    };
  }

  private async launch(port: number): Promise<void> {
    const child: ChildProcess = spawn(process.execPath, [TIDEMARK, 'start'], {
      env: { ...this.environment(), PORT: String(port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    this.address = await new Promise<string>((ready, fail) => {
      child.once('close', (code) => fail(new Error(`The server ended with ${code}.`)));
      createInterface({ input: child.stdout! }).on('line', (line) => {
        if (line.includes('Tidemark is ready'))
          ready(new URL((JSON.parse(line) as { api: string }).api).origin);
      });
    });
  }
}

function newDataDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'tidemark-mobile-'));
}
