import { mkdir, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncToDisk } from './sync-to-disk.js';

/**
 * Renames a complete file to `path` below `root`; on return the new name survives a power cut.
 * @param file its bytes must already be synced to the disk
 */
export async function moveDurably(file: string, path: string, root: string): Promise<void> {
  await move(file, path);
  await syncFolders(path, root);
}

/** Renames a file, which a power cut may undo. Unlike the sync of the folders it cannot be repeated when it was done. */
export async function move(file: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rename(file, path);
}

/** Syncs every folder from `path` up to the root: each may be new, made here or by another write that has not synced it yet. */
export async function syncFolders(path: string, root: string): Promise<void> {
  let folder = path;
  do {
    folder = dirname(folder);
    await syncToDisk(folder);
  } while (folder !== root);
}
