import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AppStartError } from '../errors/app-start-error.js';

const WAIT_MS = 2_000;

/** Keeps a data folder for one process; the operating system lets go of it when the process dies. */
export class FolderLock {
  private constructor(private readonly handle: BetterSqlite.Database) {}

  /** @throws AppStartError when another process has the folder */
  static take(dataDir: string): FolderLock {
    // A process that is just ending gets a moment.
    const lock = FolderLock.tryTake(dataDir, WAIT_MS);
    if (lock) return lock;
    throw new AppStartError(`The data folder ${dataDir} is in use by another Tidemark; stop that one first.`);
  }

  /** @returns null when another process has the folder */
  static tryTake(folder: string, waitMs = 0): FolderLock | null {
    // Node has no file locks of its own, SQLite has.
    const handle = new BetterSqlite(join(folder, 'lock'), { timeout: waitMs });
    try {
      handle.exec('BEGIN EXCLUSIVE');
      return new FolderLock(handle);
    } catch (error) {
      handle.close();
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
      return null;
    }
  }

  /** Lets another process have the folder. */
  release(): void {
    this.handle.close();
  }
}
