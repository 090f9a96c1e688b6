import type { SyncError } from '../../api/sync-error.js';

const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 30_000;

/** What to do after a connection has failed or ended. */
export type Ending =
  /** Connect again, after a while. */
  | 'retry'
  /** Connect again at once, with a fresh token. */
  | 'fresh_token'
  /** Connect as a watcher: the lock is not this session's. */
  | 'watch'
  /** Download the document anew, after asking if changes are pending. */
  | 'download'
  /** Stop: the same attempt would be refused again. */
  | 'stop';

const WATCH = new Set(['LOCK_REQUIRED', 'LOCK_HELD']);
const STALE_TOKEN = new Set(['TOKEN_MISSING', 'TOKEN_INVALID', 'TOKEN_EXPIRED']);
const FINAL = new Set([
  'ORIGIN_REFUSED',
  'BAD_REQUEST',
  'PROTOCOL_MISMATCH',
  'DEVICE_REVOKED',
  'NOT_FOUND',
  'NOT_MERGING',
  'ENGINE_FAILED',
]);

/**
 * What follows from why a connection ended.
 * @param schemaVersion the copy's
 * @param isTokenFresh whether the token was fetched anew for this attempt, after the one before was refused
 */
export function endingOf(why: SyncError, schemaVersion: number, isTokenFresh: boolean): Ending {
  if (STALE_TOKEN.has(why.code)) return isTokenFresh ? 'stop' : 'fresh_token';
  if (WATCH.has(why.code)) return 'watch';
  if (why.code === 'EPOCH_CHANGED') return 'download';
  if (why.code === 'SCHEMA_MISMATCH') {
    return schemaVersion < Number(why.problem?.schema_version) ? 'download' : 'stop';
  }
  return FINAL.has(why.code) ? 'stop' : 'retry';
}

/**
 * How long to wait before the next attempt, milliseconds.
 * @param failures how many attempts in a row have failed, this one included
 * @param random in [0, 1): clients that lost a server together do not come back together
 */
export function waitAfter(failures: number, retryAfterMs: number | null, random = Math.random()): number {
  const wait = Math.min(FIRST_WAIT_MS * 2 ** (failures - 1), MAX_WAIT_MS);
  return Math.max(retryAfterMs ?? 0, wait * (0.75 + random / 4));
}
