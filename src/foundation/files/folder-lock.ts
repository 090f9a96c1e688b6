import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AppStartError } from '../errors/app-start-error.js';

const WAIT_MS = 2_000;

/** An exclusive lock on a folder, held by one process; the operating system releases it when the process dies. */
export class FolderLock {
  private constructor(private readonly handle: BetterSqlite.Database) {}

  /** Takes the lock, waiting 2 s for a process that is ending. @throws AppStartError when another process holds it, or there can be none */
  static take(dataDir: string): FolderLock {
    let lock: FolderLock | null;
    try {
      lock = FolderLock.tryTake(dataDir, WAIT_MS);
    } catch (error) {
      throw new AppStartError(`Cannot lock the data folder ${dataDir}: ${(error as Error).message}.`, {
        cause: error,
      });
    }
    if (lock) return lock;
    throw new AppStartError(`The data folder ${dataDir} is in use by another Tidemark; stop that one first.`);
  }

  /** Tries to take the lock. @returns null when another process holds it */
  static tryTake(folder: string, waitMs = 0): FolderLock | null {
    // Node has no file locks, but SQLite has.
    const handle = new BetterSqlite(join(folder, 'lock'), { timeout: waitMs });
    try {
      // A journal in a file would need room, and a full disk must not prevent a start.
      handle.pragma('journal_mode = MEMORY');
      handle.exec('BEGIN EXCLUSIVE');
      return new FolderLock(handle);
    } catch (error) {
      handle.close();
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
      return null;
    }
  }

  /** Releases the lock. */
  release(): void {
    this.handle.close();
  }
}
