import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository, checkpointOf, type AccountState } from '../../auth/accounts.repository.js';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { yieldToEventLoop } from '../../foundation/flow/yield-to-event-loop.js';
import { SCHEMA } from '../../foundation/database/database.module.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import type { Schema } from '../../protocol/schema.js';
import type { Checkpoint, PushAnswer, Rejection, Timestamp } from '../../protocol/sync.js';
import { cascade } from './cascade.js';
import { HistoryService } from '../history.service.js';
import { IdSets } from './id-sets.js';
import { mergePush, type FullRow, type Merge, type StoredRows } from './merge.js';
import { RecordsRepository } from '../records.repository.js';
import type { PushRequest } from '../requests.js';
import { KeyedMutex } from '../../foundation/flow/keyed-mutex.js';
import { sanitizeChanges, type PushedChanges } from './sanitize.js';

/** The result of a push. */
interface Outcome {
  timestamp: Timestamp;
  checkpoint: Checkpoint;
  rejected: Rejection[];
  /** Whether the push changed anything that other devices see. */
  isVisible: boolean;
}

/** Applies offline changes. Server-side code must write records through it too, so that stamps and cascades stay right. */
@Injectable()
export class PushService {
  /** Pushes of one account wait for each other here; in the database each waiting push would hold a connection. */
  private readonly mutex = new KeyedMutex();

  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly records: RecordsRepository,
    private readonly history: HistoryService,
    private readonly events: EventBus,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Applies a device's offline changes, all or nothing (BE push 1–11).
   * @throws AppError BAD_REQUEST, HISTORY_CHANGED, SCHEMA_AHEAD, PULL_REQUIRED, PUSH_CONFLICT, QUOTA_EXCEEDED
   */
  async push(device: { accountId: string; deviceId: string }, request: PushRequest): Promise<PushAnswer> {
    const { accountId, deviceId } = device;
    const pushed = await sanitizeChanges(this.schema, request.changes);
    const apply = async (tx: Transaction): Promise<Outcome> => {
      const account = await this.accounts.lock(tx, accountId); // first: its row lock orders all pushes
      await this.history.checkStamps(tx, accountId, account, request);
      if (request.lastPulledAt < account.horizon) throw new AppError('PULL_REQUIRED');
      const stored = await this.load(tx, accountId, pushed);
      const merge = mergePush(this.schema, pushed, stored, request.lastPulledAt);
      await yieldToEventLoop();
      await cascade(tx, accountId, this.schema, merge, this.records);
      return this.apply(tx, accountId, account, merge, stored);
    };
    const outcome = await this.mutex.run(accountId, () => this.database.transaction(apply));
    if (outcome.isVisible) {
      this.events.publish('records.changed', { accountId, deviceId, timestamp: outcome.timestamp });
    }
    return toAnswer(outcome, pushed.refused);
  }

  private async load(tx: Transaction, accountId: string, pushed: PushedChanges): Promise<StoredRows> {
    const stored: StoredRows = new Map();
    for (const [name, { rows, deleted }] of pushed.tables) {
      const found = await this.records.listByIds(tx, accountId, name, [...rows.keys(), ...deleted]);
      stored.set(name, new Map(found.map((row) => [row.id, row])));
      await yieldToEventLoop();
    }
    return stored;
  }

  private async apply(
    tx: Transaction,
    accountId: string,
    account: AccountState,
    merge: Merge,
    stored: StoredRows,
  ): Promise<Outcome> {
    const changed = new Map<string, FullRow[]>();
    for (const [name, live] of merge.live) {
      const rows = Array.from(live.values()).flatMap(({ row, isStored }) => (isStored ? [] : [row]));
      if (rows.length > 0) changed.set(name, rows);
    }
    const tombstones = union(merge.deleted, merge.restamped);
    if (changed.size === 0 && tombstones.size === 0) {
      const checkpoint = checkpointOf(account);
      return { timestamp: account.clock, checkpoint, rejected: merge.rejected, isVisible: false };
    }

    let added = 0;
    let isVisible = changed.size > 0;
    for (const [name, rows] of changed) added += rows.filter(({ id }) => !stored.get(name)?.has(id)).length;
    for (const [name, ids] of tombstones.tables()) {
      for (const id of ids) {
        // Rows that only the cascade reached were not loaded, but are known to be stored and live.
        const isPushed = merge.dead.has(name, id);
        const before = stored.get(name)?.get(id);
        if (isPushed && !before) added++;
        if (!isPushed || (before && !before.is_deleted)) isVisible = true;
      }
    }
    const rowCount = account.rowCount + added;
    this.checkQuota(rowCount, added);

    const timestamp = Math.max(this.now(), account.clock + 1);
    for (const [name, rows] of changed) await this.records.writeRows(tx, accountId, name, rows, timestamp);
    for (const [name, ids] of tombstones.tables()) {
      await this.records.writeTombstones(tx, accountId, name, ids, timestamp);
    }
    const checkpoint = await this.accounts.moveClock(tx, accountId, timestamp, rowCount);
    return { timestamp, checkpoint, rejected: merge.rejected, isVisible };
  }

  private checkQuota(rowCount: number, added: number): void {
    const limit = this.config.maxRowsPerAccount;
    if (limit > 0 && added > 0 && rowCount > limit) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may hold ${limit} records.`, limit });
    }
  }
}

function union(...sets: IdSets[]): IdSets {
  const all = new IdSets();
  for (const set of sets) for (const [table, ids] of set.tables()) for (const id of ids) all.add(table, id);
  return all;
}

function toAnswer(outcome: Outcome, refused: Rejection[]): PushAnswer {
  const answer: PushAnswer = { ok: true, timestamp: outcome.timestamp, checkpoint: outcome.checkpoint };
  if (outcome.rejected.length > 0) answer.rejected = outcome.rejected;
  if (refused.length > 0) {
    const idsByTable = new Map<string, string[]>();
    for (const { table, id } of refused) {
      const ids = idsByTable.get(table);
      if (ids) ids.push(id);
      else idsByTable.set(table, [id]);
    }
    // Table names come from the request; fromEntries makes even "__proto__" an ordinary member.
    answer.experimentalRejectedIds = Object.fromEntries(idsByTable);
  }
  return answer;
}
