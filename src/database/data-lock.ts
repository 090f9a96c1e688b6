import { join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import { AppStartError } from '../errors/app-start-error.js';

const WAIT_MS = 2_000;

/** Keeps a data folder for one process; the operating system lets go of it when the process dies. */
export class DataLock {
  private constructor(private readonly handle: BetterSqlite.Database) {}

  /** @throws AppStartError when another process has the folder */
  static take(dataDir: string): DataLock {
    // Node has no file locks of its own, SQLite has. A process that is just ending gets a moment.
    const handle = new BetterSqlite(join(dataDir, 'lock'), { timeout: WAIT_MS });
    try {
      handle.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      handle.close();
      if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error;
      throw new AppStartError(
        `The data folder ${dataDir} is in use by another Tidemark; stop that one first.`,
        {
          cause: error,
        },
      );
    }
    return new DataLock(handle);
  }

  /** Lets another process have the folder. */
  release(): void {
    this.handle.close();
  }
}
