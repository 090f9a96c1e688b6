import type { SyncError } from './sync-error';

/** A net for everything that no event announced. */
export const NET_MS = 60_000;
/** Edits are pushed at once, and then at most this often. */
export const EDIT_MS = 1_500;
/** Runs that bring nothing although the server has something are made this far apart. */
export const BARREN_MS = 1_000;
/** What only an update of the server can end is tried again this often. */
export const UPDATE_MS = 300_000;

const FIRST_WAIT_MS = 2_000;
const MAX_WAIT_MS = 300_000;
/** While the server is known to be there, only the way to it failed. */
const BAD_WAY_FIRST_MS = 200;
const BAD_WAY_MAX_MS = 3_000;
/** Others push as well; their turn takes about this long. */
const CONFLICT_MS = 300;
const CONFLICT_MAX_MS = 10_000;

/**
 * How long to wait before trying again, milliseconds.
 * @param failures how many tries in a row have failed, this one included
 * @param isLinkUp whether the live connection works meanwhile
 */
export function waitAfter(error: SyncError, failures: number, isLinkUp: boolean): number {
  const wait = growing(error, failures - 1, isLinkUp);
  // Jittered, or devices that failed together would come back together.
  return Math.max(error.retryAfterMs ?? 0, wait * (0.75 + Math.random() / 2));
}

function growing(error: SyncError, exponent: number, isLinkUp: boolean): number {
  if (error.code === 'PULL_REQUIRED') return 0;
  if (error.code === 'PUSH_CONFLICT') return Math.min(CONFLICT_MS * 1.5 ** exponent, CONFLICT_MAX_MS);
  if (error.failure.isFinal) return MAX_WAIT_MS;
  if (error.isNoAnswer && isLinkUp) return Math.min(BAD_WAY_FIRST_MS * 2 ** exponent, BAD_WAY_MAX_MS);
  return Math.min(FIRST_WAIT_MS * 2 ** exponent, MAX_WAIT_MS);
}
