import { AppError } from '../errors/app-error.js';

/** The codes by which the operating system and SQLite say that the disk is full. */
export const DISK_FULL_CODES = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];

/** Turns an error that means a full disk into AppError DISK_FULL; any other error is returned as it is. */
export function asDiskFull(error: unknown): unknown {
  const { code = '' } = error as { code?: string };
  if (!DISK_FULL_CODES.includes(code)) return error;
  return new AppError('DISK_FULL', { retry_after: 60 }, { cause: error });
}
