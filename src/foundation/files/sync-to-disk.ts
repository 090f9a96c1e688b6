import { closeSync, fsyncSync, openSync, statSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';

// A file system may keep what was written, made or renamed in memory for a while; a power cut loses it until it is synced.

/** Brings a file's bytes, or the names in a folder, to the disk. Windows can do so for no folder. */
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

/** The same, blocking: for commands, the start, and threads of their own. */
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

/** Windows syncs only what is open for writing, and Linux opens no folder for writing. Null: it cannot be synced. */
function flagsFor(isFolder: boolean): 'r' | 'r+' | null {
  if (!isFolder) return 'r+';
  return process.platform === 'win32' ? null : 'r';
}
