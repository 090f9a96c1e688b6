import { mkdtempSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_DISK = '/dev/shm';
const ROOM_NEEDED_BYTES = 2 * 1024 ** 3;

/**
 * Makes a new temporary folder, in memory where the system offers enough of it: a database is a few hundred files,
 * and a disk takes twenty times as long to make them.
 * @param durable put it on a real disk, for what measures or needs one
 */
export function makeScratchDir(name: string, durable = false): string {
  return mkdtempSync(join(!durable && hasMemoryDisk() ? MEMORY_DISK : tmpdir(), `tidemark-${name}-`));
}

function hasMemoryDisk(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY_DISK);
    return bavail * bsize >= ROOM_NEEDED_BYTES;
  } catch {
    return false;
  }
}
