import { AppError } from '../errors/app-error.js';

/** What the operating system says when nothing more can be written, and SQLite. */
export const DISK_FULL_CODES = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];

/** A failure to write for want of room as the error that clients know; any other as it is. */
export function asDiskFull(error: unknown): unknown {
  const { code = '' } = error as { code?: string };
  if (!DISK_FULL_CODES.includes(code)) return error;
  return new AppError('DISK_FULL', { retry_after: 60 }, { cause: error });
}
