import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const DESCRIPTORS = '/proc/self/fd';

/** Whether this system tells which files a process has open. */
export const tellsOpenFiles = existsSync(DESCRIPTORS);
if (!tellsOpenFiles) {
  console.warn(`Whether files are closed again is not tried here: it takes Linux, with its ${DESCRIPTORS}.`);
}

/** A test that counts open files; skipped where that cannot be done. */
export const testOpenFiles = tellsOpenFiles ? test : test.skip;

/** @returns tells how many files below a folder this process has open */
export function openFiles(folder: string): () => number {
  return () =>
    readdirSync(DESCRIPTORS).filter((descriptor) => {
      try {
        return readlinkSync(join(DESCRIPTORS, descriptor)).startsWith(folder);
      } catch {
        return false; // closed since: the one by which they were listed
      }
    }).length;
}
