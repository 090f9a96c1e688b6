import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncToDisk } from './sync-to-disk.js';

/**
 * Renames a complete file to `path` below `root`; on return the new name survives a power cut.
 * @param file its bytes must already be synced to the disk
 */
export async function moveDurably(file: string, path: string, root: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rename(file, path);
  // Sync every folder up to the root: each may be new, made here or by another write that has not synced it yet.
  let folder = path;
  do {
    folder = dirname(folder);
    await syncToDisk(folder);
  } while (folder !== root);
}
