import type { SyncError } from '../api/sync-error.js';

/** How often to sync without a reason, in case an announcement was lost. */
export const NET_MS = 60_000;
/** A first edit is pushed at once; later pushes of edits start at least this far apart. */
export const EDIT_MS = 1_500;
/** The pause between runs that bring nothing although the server seems to have changes. */
export const BARREN_MS = 1_000;
/** How often to try again when only an update of the server can help. */
export const UPDATE_MS = 300_000;

const FIRST_WAIT_MS = 2_000;
const MAX_WAIT_MS = 300_000;
/** Waits after a request without an answer while the live connection works: the server is up, so retry soon. */
const BAD_WAY_FIRST_MS = 200;
const BAD_WAY_MAX_MS = 3_000;
/** The wait after a conflict: about as long as another device's push takes. */
const CONFLICT_MS = 300;
const CONFLICT_MAX_MS = 10_000;

/**
 * How long to wait before the next try, milliseconds.
 * @param failures how many tries in a row have failed, this one included
 * @param isLinkUp whether the live connection works
 */
export function waitAfter(error: SyncError, failures: number, isLinkUp: boolean): number {
  const wait = growing(error, failures - 1, isLinkUp);
  // Jittered, or devices that failed together would retry together.
  return Math.max(error.retryAfterMs ?? 0, wait * (0.75 + Math.random() / 2));
}

function growing(error: SyncError, exponent: number, isLinkUp: boolean): number {
  if (error.code === 'PULL_REQUIRED') return 0;
  if (error.code === 'PUSH_CONFLICT') return Math.min(CONFLICT_MS * 1.5 ** exponent, CONFLICT_MAX_MS);
  if (error.failure.isFinal) return MAX_WAIT_MS;
  if (error.isNoAnswer && isLinkUp) return Math.min(BAD_WAY_FIRST_MS * 2 ** exponent, BAD_WAY_MAX_MS);
  return Math.min(FIRST_WAIT_MS * 2 ** exponent, MAX_WAIT_MS);
}
