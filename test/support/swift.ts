import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { makeScratchDir } from './scratch.js';

/** Debian's packages need Debian's Python, which may not be the first one on the path. */
const PYTHON = '/usr/bin/python3';
const READY_DEADLINE_MS = 60_000;
const SECRET = 'testing';

/** A Swift that speaks S3. */
export interface Swift {
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** Whether Debian's OpenStack Swift is installed. */
export function isSwiftInstalled(): boolean {
  const trial = spawnSync(PYTHON, ['-c', 'import swift.common.middleware.s3api'], { stdio: 'ignore' });
  return trial.status === 0;
}

/** Starts a Swift of its own in a temporary folder; it ends with this process. */
export async function startSwift(): Promise<Swift> {
  // In memory, if that file system keeps the extended attributes that Swift writes; else on disk.
  try {
    return await launch(makeScratchDir('swift'));
  } catch {
    return launch(makeScratchDir('swift', true));
  }
}

async function launch(folder: string): Promise<Swift> {
  const script = join(process.cwd(), 'test', 'support', 'swift-server.py');
  const child = spawn(PYTHON, [script, folder, SECRET], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.ref();
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const port = await portOf(child);
    // A test process must be able to end while Swift still runs: Swift ends with its standard input.
    for (const held of [child, child.stdin, child.stdout, child.stderr]) (held as { unref(): void }).unref();
    const endpoint = `http://127.0.0.1:${port}`;
    return { endpoint, accessKeyId: 'test:tester', secretAccessKey: SECRET, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port that Swift prints when it is ready. @throws Error with its output otherwise */
async function portOf(child: ChildProcess): Promise<number> {
  let log = '';
  child.stderr!.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)));
  const lines = createInterface({ input: child.stdout! });
  const line = await new Promise<string | undefined>((resolve) => {
    lines.once('line', resolve);
    child.once('exit', () => resolve(undefined));
    setTimeout(resolve, READY_DEADLINE_MS, undefined).unref();
  });
  if (line === undefined) throw new Error(`Swift did not start:\n${log}`);
  return Number(line);
}
