import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

// A file system may keep writes, new files and renames in memory; a power cut loses those that are not synced.

/** What file systems answer that cannot sync a folder, such as some network and FUSE ones: they order its changes themselves. */
const CANNOT_SYNC = ['EINVAL', 'EPERM', 'EACCES', 'EBADF', 'EISDIR', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'];

/** Syncs a file's bytes, or the names in a folder, to the disk; does nothing for folders where they cannot be synced. */
export async function syncToDisk(path: string): Promise<void> {
  const isFolder = (await stat(path)).isDirectory();
  if (isFolder && process.platform === 'win32') return;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, flagsFor(isFolder));
    await handle.sync();
  } catch (error) {
    throwUnlessCannot(error, isFolder);
  } finally {
    await handle?.close();
  }
}

/** The same, but blocking: for commands, the start and worker threads. */
export function syncToDiskSync(path: string): void {
  const isFolder = statSync(path).isDirectory();
  if (isFolder && process.platform === 'win32') return;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, flagsFor(isFolder));
    fsyncSync(descriptor);
  } catch (error) {
    throwUnlessCannot(error, isFolder);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Windows syncs only files open for writing, and Linux opens no folder for writing. */
function flagsFor(isFolder: boolean): 'r' | 'r+' {
  return isFolder ? 'r' : 'r+';
}

function throwUnlessCannot(error: unknown, isFolder: boolean): void {
  if (!isFolder || !CANNOT_SYNC.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
}
