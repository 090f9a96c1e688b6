import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppStartError } from '../errors/app-start-error.js';
import { syncToDiskSync } from './sync-to-disk.js';

/**
 * Creates a folder for the server's data if it is missing, accessible only to this user.
 * @param called the folder's name in the error message
 * @throws AppStartError when the folder is not writable
 */
export function makeDataDir(dataDir: string, called = 'data folder'): void {
  try {
    makeFolder(resolve(dataDir));
    accessSync(`${dataDir}/.`, constants.W_OK); // "/." fails if it is a file
  } catch (error) {
    throw new AppStartError(`Cannot write to the ${called} ${dataDir}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** Creates a folder and its parents. Node's recursive mkdir loops for ever if mkdir fails with ENOENT, as in /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
    syncToDiskSync(dirname(path));
  } catch (error) {
    // Another process that starts at the same time made it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
