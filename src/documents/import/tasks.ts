import BetterSqlite from 'better-sqlite3';
import { normalized } from '../kinds.js';
import { mayBeDiskFull } from '../../foundation/files/disk-full.js';
import { InvalidDatabase, OversizedDatabase } from './invalid-database.js';

// The tasks of the worker threads. Our error classes do not survive the way to the main thread, so faults return as data.

/** A task's result: a fault that a client can fix or wait for; null: success. */
export type TaskResult = {
  fault: 'DOCUMENT_INVALID' | 'BODY_TOO_LARGE' | 'DISK_FULL';
  detail?: string;
} | null;

/** See `SqliteWorkers.copy`. */
export function copy({ source, target }: { source: string; target: string }): TaskResult {
  return faultOf(() =>
    reading(source, (database) => {
      // Copies are temporary files, so they need not survive a crash.
      database.pragma('synchronous = OFF');
      database.prepare('VACUUM INTO ?').run(target);
    }),
  );
}

/** See `SqliteWorkers.check`. */
export function check({ file }: { file: string }): TaskResult {
  return faultOf(() =>
    reading(file, (database) => {
      const complaints = database.pragma('integrity_check(3)') as { integrity_check: string }[];
      const text = normalized(complaints.map((complaint) => complaint.integrity_check).join('; '));
      if (text !== 'ok') throw new Error(`The database is damaged: ${text}`);
    }),
  );
}

function reading(file: string, work: (database: BetterSqlite.Database) => void): void {
  const database = new BetterSqlite(file, { readonly: true, fileMustExist: true });
  try {
    work(database);
  } finally {
    database.close();
  }
}

/** Does the work, and returns faults that a client can fix or wait for. @throws all other errors */
export function faultOf(work: () => void): TaskResult {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof InvalidDatabase) return { fault: 'DOCUMENT_INVALID', detail: error.message };
    if (error instanceof OversizedDatabase) return { fault: 'BODY_TOO_LARGE', detail: error.message };
    if (mayBeDiskFull(error)) return { fault: 'DISK_FULL' };
    // SqliteError would lose even its message on the way to the main thread.
    throw error instanceof BetterSqlite.SqliteError ? new Error(`${error.message} (${error.code})`) : error;
  }
}
