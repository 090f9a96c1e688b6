import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncToDisk } from './sync-to-disk.js';

/**
 * Gives a whole file its name below `root`; on return also the name outlives a power cut.
 * @param file its bytes must be on the disk already
 */
export async function moveDurably(file: string, path: string, root: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rename(file, path);
  // Every folder above may be new: made here, or by another write that has not synced it yet.
  let folder = path;
  do {
    folder = dirname(folder);
    await syncToDisk(folder);
  } while (folder !== root);
}
