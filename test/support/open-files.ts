import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const DESCRIPTORS = '/proc/self/fd';

/** Whether this system lists the open files of a process. */
export const tellsOpenFiles = existsSync(DESCRIPTORS);
if (!tellsOpenFiles) {
  console.warn(`Whether files are closed again is not tried here: it takes Linux, with its ${DESCRIPTORS}.`);
}

/** A test that counts open files; skipped where the system cannot list them. */
export const testOpenFiles = tellsOpenFiles ? test : test.skip;

/** @returns a function that counts this process's open files below a folder */
export function openFiles(folder: string): () => number {
  return () =>
    readdirSync(DESCRIPTORS).filter((descriptor) => {
      try {
        return readlinkSync(join(DESCRIPTORS, descriptor)).startsWith(folder);
      } catch {
        return false; // the descriptor that listed them, closed by now
      }
    }).length;
}
