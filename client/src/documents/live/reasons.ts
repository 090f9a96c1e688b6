import { SyncError } from '../../api/sync-error.js';
import type { Reason } from '../../light/reason.js';

/** Why changes stay pending in a tab that does not hold the lock. */
export const WATCHING: Reason = {
  code: 'LOCK_REQUIRED',
  message: 'This tab only watches.',
  hint: 'What is pending stays here, and is sent when this tab holds the lock.',
};

/** The document is of another epoch than this tab's copy. */
export function anotherEpoch(): SyncError {
  return new SyncError('EPOCH_CHANGED', 'The document has begun anew.', 'Start over from the server.', 409);
}
