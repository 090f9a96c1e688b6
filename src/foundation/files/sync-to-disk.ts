import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';

// A file system may keep writes, new files and renames in memory; a power cut loses those that are not synced.

/** Syncs a file's bytes, or the names in a folder, to the disk; does nothing for folders on Windows, which cannot. */
export async function syncToDisk(path: string): Promise<void> {
  const flags = flagsFor((await stat(path)).isDirectory());
  if (flags === null) return;
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same, but blocking: for commands, the start and worker threads. */
export function syncToDiskSync(path: string): void {
  const flags = flagsFor(statSync(path).isDirectory());
  if (flags === null) return;
  const descriptor = openSync(path, flags);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Windows syncs only files open for writing, and Linux opens no folder for writing. Null: it cannot be synced. */
function flagsFor(isFolder: boolean): 'r' | 'r+' | null {
  if (!isFolder) return 'r+';
  return process.platform === 'win32' ? null : 'r';
}
