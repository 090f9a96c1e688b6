import { AppError } from '../errors/app-error.js';

/** The codes by which the operating system and SQLite say that the disk is full. */
const DISK_FULL_CODES = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];
/** SQLite reports a full quota, and a disk without room for its shared memory, as it reports a broken disk. */
const PERHAPS_FULL_CODES = ['SQLITE_IOERR_WRITE', 'SQLITE_IOERR_TRUNCATE', 'SQLITE_IOERR_SHMSIZE'];

/** Whether an error means that the disk is full, or may mean it: then trying again with more room is worth it. */
export function mayBeDiskFull(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'DISK_FULL';
  return [...DISK_FULL_CODES, ...PERHAPS_FULL_CODES].includes(codeOf(error));
}

/** Turns an error that means a full disk into AppError DISK_FULL; any other error is returned as it is. */
export function asDiskFull(error: unknown): unknown {
  if (!DISK_FULL_CODES.includes(codeOf(error))) return error;
  return new AppError('DISK_FULL', { retry_after: 60 }, { cause: error });
}

function codeOf(error: unknown): string {
  return ((error ?? {}) as { code?: string }).code ?? '';
}
