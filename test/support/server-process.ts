import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OPERATOR_TOKEN } from './operator.js';
import type { Storage } from './storage.js';

const START_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 15_000;
const KEPT_OUTPUT_CHARS = 1_000_000;

/** How a process ended: with an exit code or by a signal. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The output of a command, and how it ended. */
export interface CommandResult extends Exit {
  stdout: string;
  stderr: string;
}

/** How to start a server process. */
export interface ServerOptions {
  storage: Storage;
  /** Default: a free port. */
  port?: number;
  /** Further options by their environment names. */
  env?: Record<string, string>;
  /** Further options as flags. */
  flags?: string[];
  /** The working directory; default: the project's folder. */
  folder?: string;
}

/** A process ended, or was silent for too long, before it was ready. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';

  constructor(
    readonly exit: Exit | undefined,
    readonly output: string,
  ) {
    super(`The server did not start (${exit ? JSON.stringify(exit) : 'no ready line in time'}):\n${output}`);
  }
}

/** A real server in a process of its own, as an operator runs it; `dist/` must be built. */
export class ServerProcess implements AsyncDisposable {
  constructor(
    readonly url: string,
    readonly exited: Promise<Exit>,
    private readonly child: ChildProcess,
    /** The process's output so far; of a very long output, the end. */
    readonly output: () => string,
  ) {}

  get pid(): number {
    return this.child.pid!;
  }

  /** Sends a signal and waits for the end of the process. */
  kill(signal: NodeJS.Signals): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }

  /** Stops the process as an operator would, or by force if it does not react. */
  async [Symbol.asyncDispose](): Promise<void> {
    const force = setTimeout(() => this.child.kill('SIGKILL'), STOP_DEADLINE_MS);
    await this.kill('SIGTERM');
    clearTimeout(force);
  }
}

/**
 * Starts `tidemark start` and waits for its ready line.
 * @throws StartFailure with the output and the exit
 */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const env = {
    HOST: '127.0.0.1',
    PORT: String(options.port ?? 0),
    MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1000000',
    OPERATOR_TOKEN,
    ...options.storage.env,
    ...options.env,
  };
  const child = launch(['start', ...(options.flags ?? [])], env, options.folder);
  let output = '';
  const keep = (chunk: string): void => void (output = (output + chunk).slice(-KEPT_OUTPUT_CHARS));
  child.stdout!.setEncoding('utf8').on('data', keep);
  child.stderr!.setEncoding('utf8').on('data', keep);
  const exited = exitOf(child);

  const outcome = await Promise.race([readyUrl(child), exited, timeout(START_DEADLINE_MS)]);
  if (typeof outcome === 'string') return new ServerProcess(outcome, exited, child, () => output);
  child.kill('SIGKILL');
  throw new StartFailure(outcome, output);
}

/** A command that runs. */
export interface RunningCommand {
  /** What it printed so far, on both streams. */
  output(): string;
  /** Sends a signal and waits for the end. */
  kill(signal: NodeJS.Signals): Promise<CommandResult>;
  ended: Promise<CommandResult>;
}

/**
 * Starts one command of the command line, such as `['backup', file]`.
 * @param folder the working directory; default: the project's folder
 */
export function spawnTidemark(
  args: string[],
  env: Record<string, string> = {},
  folder?: string,
): RunningCommand {
  const child = launch(args, env, folder);
  const result = { stdout: '', stderr: '' };
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => (result.stdout += chunk));
  child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (result.stderr += chunk));
  const ended = exitOf(child).then((exit) => ({ ...exit, ...result }));
  return {
    output: () => result.stdout + result.stderr,
    kill: (signal) => {
      child.kill(signal);
      return ended;
    },
    ended,
  };
}

/** Runs one command of the command line to its end. */
export function runTidemark(...command: Parameters<typeof spawnTidemark>): Promise<CommandResult> {
  return spawnTidemark(...command).ended;
}

function launch(args: string[], env: Record<string, string>, folder?: string): ChildProcess {
  // Only variables that a process needs to run, so that it gets exactly the options under test.
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [join(process.cwd(), 'bin', 'tidemark.js'), ...args], {
    env: { PATH, HOME, ...env },
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => void child.kill('SIGKILL');
  process.on('exit', stop);
  child.once('close', () => process.off('exit', stop));
  return child;
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not 'exit': the last lines may arrive later.
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout! });
    lines.on('line', (line) => {
      if (!line.includes('Tidemark is ready')) return;
      resolve(new URL((JSON.parse(line) as { api: string }).api).origin);
      lines.close();
      child.stdout!.resume(); // closing the line reader paused the pipe, and a full pipe would block the server
    });
  });
}

function timeout(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined).unref());
}
