import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_DISK = '/dev/shm';
const ROOM_NEEDED_BYTES = 2 * 1024 ** 3;
const NAME = /^tidemark-[a-z-]+-(\d+)-\w+$/;

let isSwept = false;

/**
 * Makes a new temporary folder, in memory if the system has enough of it: a database has a few hundred files, and
 * making them on a disk takes twenty times as long.
 * @param name lower-case letters and '-'
 * @param durable put it on a real disk, for tests that measure or need one
 */
export function makeScratchDir(name: string, durable = false): string {
  if (!isSwept) [MEMORY_DISK, tmpdir()].forEach(sweep);
  isSwept = true;
  const parent = !durable && hasMemoryDisk() ? MEMORY_DISK : tmpdir();
  return mkdtempSync(join(parent, `tidemark-${name}-${process.pid}-`));
}

function hasMemoryDisk(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_DISK);
    return bavail * bsize >= ROOM_NEEDED_BYTES;
  } catch {
    return false;
  }
}

/** Removes the folders of processes that were killed before they could clean up. */
function sweep(parent: string): void {
  try {
    for (const folder of readdirSync(parent)) {
      const pid = NAME.exec(folder)?.[1];
      if (pid && !isAlive(Number(pid))) rmSync(join(parent, folder), { recursive: true, force: true });
    }
  } catch {
    // The folder does not exist or belongs to another user: there is nothing of ours in it.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
