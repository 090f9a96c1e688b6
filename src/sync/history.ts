import type { AccountState } from '../auth/accounts.repository.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Schema } from '../protocol/schema.js';
import type { Timestamp } from '../protocol/sync.js';

/** What a client sends about its own state with every request; null: not sent. */
export interface ClientState {
  lastPulledAt: Timestamp | null; // null: first sync
  schemaVersion: number | null;
  historyId: string | null;
}

/**
 * Refuses a client whose data belongs to another history than the account's, or whose schema is newer than the server's.
 * @throws AppError HISTORY_CHANGED, SCHEMA_AHEAD
 */
export function checkHistory(account: AccountState, client: ClientState, schema: Schema): void {
  const { lastPulledAt, historyId, schemaVersion } = client;
  const isForeign = historyId !== null && historyId !== account.historyId;
  const isOutside = lastPulledAt !== null && (lastPulledAt < account.origin || lastPulledAt > account.clock);
  if (isForeign || isOutside) {
    throw new AppError('HISTORY_CHANGED', {
      detail: isForeign
        ? 'The device synced with another history of this account, or with another account.'
        : 'The time of the last pull lies outside this account’s history.',
      history_id: account.historyId,
    });
  }
  if (schemaVersion !== null && schemaVersion > schema.version) {
    throw new AppError('SCHEMA_AHEAD', {
      detail: `The app has schema version ${schemaVersion}, the server ${schema.version}.`,
      schema_version: schema.version,
    });
  }
}
