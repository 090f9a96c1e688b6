import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { AppStartError } from '../errors/app-start-error.js';
import { syncToDiskSync } from './sync-to-disk.js';

/**
 * Makes a folder for the server's data if need be, for this user alone.
 * @param called what the folder is, for the person at the terminal
 * @throws AppStartError when it cannot be written to
 */
export function makeDataDir(dataDir: string, called = 'data folder'): void {
  try {
    makeFolder(resolve(dataDir));
    accessSync(`${dataDir}/.`, constants.W_OK); // "/." fails where it is a file
  } catch (error) {
    throw new AppStartError(`Cannot write to the ${called} ${dataDir}: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** Node's own recursive mkdir never ends where a folder refuses with ENOENT, as /proc does. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
    syncToDiskSync(dirname(path));
  } catch (error) {
    // Another process starting at the same moment made it.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
