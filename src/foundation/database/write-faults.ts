import { AppError } from '../errors/app-error.js';
import { asDiskFull } from '../files/disk-full.js';

/** A volume or a file that can only be read, or a disk that fails. */
const SQLITE_TAKES_NO_WRITE = /^(SQLITE_(READONLY|IOERR|CANTOPEN|PERM)|EIO$|EROFS$)/;
const SQLITE_IS_BUSY = /^SQLITE_(BUSY|LOCKED|PROTOCOL)/;
/** A read-only transaction or server, as after a failover; and a disk of PostgreSQL that fails. */
const POSTGRES_TAKES_NO_WRITE = ['25006', '58030'];
const POSTGRES_DISK_FULL = '53100';

/** Why SQLite takes no write, for clients; any other error is returned as it is. */
export function sqliteWriteFault(error: unknown): unknown {
  const code = codeOf(error);
  if (SQLITE_TAKES_NO_WRITE.test(code)) return readOnly(error);
  return SQLITE_IS_BUSY.test(code) ? silent(error) : asDiskFull(error);
}

/** Why SQLite cannot be read, for clients; any other error is returned as it is. */
export function sqliteReadFault(error: unknown): unknown {
  const code = codeOf(error);
  return SQLITE_TAKES_NO_WRITE.test(code) || SQLITE_IS_BUSY.test(code) ? silent(error) : error;
}

/** Why PostgreSQL takes no write, for clients; null: the error says nothing of that. */
export function postgresWriteFault(error: unknown): AppError | null {
  const code = codeOf(error);
  if (code === POSTGRES_DISK_FULL) return new AppError('DISK_FULL', { retry_after: 60 }, { cause: error });
  return POSTGRES_TAKES_NO_WRITE.includes(code) ? readOnly(error) : null;
}

/** Whether an error says that the database takes no write at present. */
export function isWriteFault(error: unknown): boolean {
  return error instanceof AppError && ['DATABASE_READ_ONLY', 'DISK_FULL'].includes(error.code);
}

/** The database takes no write. @param cause what it said */
export function readOnly(cause?: unknown): AppError {
  return new AppError('DATABASE_READ_ONLY', { retry_after: 30 }, { cause });
}

/** The database gives no answer. @param cause what it said */
export function silent(cause: unknown): AppError {
  return new AppError('OVERLOADED', { detail: 'The database does not answer.', retry_after: 5 }, { cause });
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null)?.code ?? '');
}
