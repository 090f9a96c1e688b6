import { AppError } from '../../foundation/errors/app-error.js';
import type { Pair } from '../version.js';

const RETRY_AFTER_SECONDS = 5;

/** The error of a client whose copy is of another epoch. */
export function epochChanged({ epoch, version }: Pair): AppError {
  const detail = 'The content is another than that of this copy.';
  return new AppError('EPOCH_CHANGED', { detail, epoch, server_version: version });
}

/** The error for a document without content, and for another account's. */
export function noSuchDocument(): AppError {
  return new AppError('NOT_FOUND', { detail: 'There is no such document.' });
}

/** The error while the server ends. */
export function shuttingDown(): AppError {
  return new AppError('SHUTTING_DOWN', { retry_after: RETRY_AFTER_SECONDS });
}

/** The error of a session that does not hold the lock any more. */
export function notHolder(): AppError {
  return new AppError('LOCK_REQUIRED', { detail: 'This session does not hold the lock.' });
}

/** The error while a content from before live documents waits for a job, which will replace it. */
export function rewritten(): AppError {
  const detail = 'A job rewrites this document, which cannot be edited live before.';
  return new AppError('OVERLOADED', { detail, retry_after: RETRY_AFTER_SECONDS });
}
