import { Inject, Injectable } from '@nestjs/common';
import type { AccountState } from '../auth/accounts.repository.js';
import { CheckpointsRepository } from '../auth/checkpoints.repository.js';
import type { Connection } from '../foundation/database/database.js';
import { SCHEMA } from '../foundation/database/database.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Schema } from '../protocol/schema.js';
import type { Timestamp } from '../protocol/sync.js';

/** What a client sends about its own state with every request; null: not sent. */
export interface ClientState {
  lastPulledAt: Timestamp | null; // null: first sync
  schemaVersion: number | null;
  historyId: string | null;
  /** The newest checkpoint that any answer told the client. */
  checkpoint: { stamp: Timestamp; mark: string } | null;
}

/** Decides whether a client's data belong to the history that the server holds. */
@Injectable()
export class HistoryService {
  constructor(
    private readonly checkpoints: CheckpointsRepository,
    @Inject(SCHEMA) private readonly schema: Schema,
  ) {}

  /**
   * Refuses a client whose data belong to another history than the account's, or whose schema is newer than the server's.
   * The account's row alone decides, so a client that knows older stamps than its clock needs `checkStamps` too.
   * @throws AppError HISTORY_CHANGED, SCHEMA_AHEAD
   */
  check(account: AccountState, client: ClientState): void {
    const { lastPulledAt, historyId, schemaVersion, checkpoint } = client;
    if (historyId !== null && historyId !== account.historyId) {
      throw changed(
        account,
        'The device synced with another history of this account, or with another account.',
      );
    }
    if (isOutside(account, lastPulledAt) || isOutside(account, checkpoint?.stamp ?? null)) {
      throw changed(account, 'The time of the last pull lies outside this account’s history.');
    }
    if (checkpoint?.stamp === account.clock && checkpoint.mark !== account.mark) throw wentBack(account);
    if (schemaVersion !== null && schemaVersion > this.schema.version) {
      throw new AppError('SCHEMA_AHEAD', {
        detail: `The app has schema version ${schemaVersion}, the server ${this.schema.version}.`,
        schema_version: this.schema.version,
      });
    }
  }

  /** Whether the client knows nothing older than the account's clock, so that `check` has said everything. */
  isCurrent({ clock }: AccountState, { lastPulledAt, checkpoint }: ClientState): boolean {
    return (lastPulledAt ?? clock) === clock && (checkpoint?.stamp ?? clock) === clock;
  }

  /**
   * Refuses a client that has seen a state of the account which this history never had: the server's data were put back to
   * an earlier state, and since then another push moved the clock past what is lost.
   * @param connection where `account` was read, so that both belong together
   * @throws AppError HISTORY_CHANGED, SCHEMA_AHEAD
   */
  async checkStamps(
    connection: Connection,
    accountId: string,
    account: AccountState,
    client: ClientState,
  ): Promise<void> {
    this.check(account, client);
    if (this.isCurrent(account, client)) return;
    const { clock } = account;
    const { lastPulledAt, checkpoint } = client;
    const stamps = [lastPulledAt ?? clock, checkpoint?.stamp ?? clock] as const;
    const { from, marks } = await this.checkpoints.find(connection, accountId, ...stamps);
    const isKnown = stamps.every((stamp) => stamp === clock || stamp <= from || marks.has(stamp));
    const mark = checkpoint && marks.get(checkpoint.stamp);
    if (!isKnown || (mark && mark !== checkpoint.mark)) throw wentBack(account);
  }
}

function isOutside({ origin, clock }: AccountState, stamp: Timestamp | null): boolean {
  return stamp !== null && (stamp < origin || stamp > clock);
}

function wentBack(account: AccountState): AppError {
  return changed(
    account,
    'The device has seen a state of this account that the server does not have: its data went back in time.',
  );
}

function changed(account: AccountState, detail: string): AppError {
  return new AppError('HISTORY_CHANGED', { detail, history_id: account.historyId });
}
