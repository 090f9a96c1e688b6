import { chmodSync, existsSync, statSync } from 'node:fs';

/** The permissions that a new file never has: those of the group and of others. */
const NOT_OURS = 0o077;

/** From now on, files and folders that this process and its children make are for this user alone. */
export function makeFilesPrivate(): void {
  process.umask(NOT_OURS);
}

/**
 * Takes an existing file's permissions from group and others: versions before this one let SQLite make it readable.
 * @param tell is given a sentence if it is open to others and cannot be closed, such as a file of another owner
 */
export function closeToOthers(file: string, tell: (sentence: string) => void): void {
  if (process.platform === 'win32' || !existsSync(file)) return;
  const { mode } = statSync(file);
  if ((mode & NOT_OURS) === 0) return;
  try {
    chmodSync(file, mode & 0o700);
  } catch (error) {
    tell(`${file} is open to other users and cannot be closed: ${(error as Error).message}.`);
  }
}
