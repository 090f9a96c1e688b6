import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository, checkpointOf, type AccountState } from '../../auth/accounts.repository.js';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { inPieces } from '../../foundation/flow/in-pieces.js';
import { SCHEMA } from '../../foundation/database/database.module.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import type { Schema } from '../../protocol/schema.js';
import type { Checkpoint, PushAnswer, Rejection, Timestamp } from '../../protocol/sync.js';
import { AdjustmentLog } from './adjustment-log.js';
import { cascade } from './cascade.js';
import { countChanges, type ChangedCounts } from './count-changes.js';
import { HistoryService } from '../history.service.js';
import { IdSets } from './id-sets.js';
import { mergePush, type FullRow, type Merge, type StoredRow, type StoredRows } from './merge.js';
import { RecordsRepository } from '../records.repository.js';
import { TombstonesRepository } from '../tombstones.repository.js';
import type { PushRequest } from '../requests.js';
import { KeyedMutex } from '../../foundation/flow/keyed-mutex.js';
import { sanitizeChanges, type PushedChanges } from './sanitize.js';

/** How many tombstones an account may hold for each record of its quota. */
const TOMBSTONES_PER_RECORD = 4;

/** Whose changes a push brings; other devices are told the id. */
interface Author {
  accountId: string;
  deviceId: string;
}

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
    private readonly tombstones: TombstonesRepository,
    private readonly history: HistoryService,
    private readonly events: EventBus,
    private readonly adjustmentLog: AdjustmentLog,
    @Inject(SCHEMA) private readonly schema: Schema,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Applies offline changes, all or nothing (BE push 1–11).
   * @param author a name for code on the server's side, which no revocation ends
   * @throws AppError BAD_REQUEST, HISTORY_CHANGED, SCHEMA_AHEAD, PULL_REQUIRED, PUSH_CONFLICT, QUOTA_EXCEEDED
   */
  push(author: Author, request: PushRequest): Promise<PushAnswer> {
    return this.run(author, request, (tx) => this.accounts.lock(tx, author.accountId));
  }

  /** As `push`, for a device, if it is not revoked before the commit. @throws AppError also DEVICE_REVOKED */
  pushAs(device: Author, request: PushRequest): Promise<PushAnswer> {
    return this.run(device, request, (tx) => this.accounts.lockAs(tx, device));
  }

  private async run(
    { accountId, deviceId }: Author,
    request: PushRequest,
    lock: (tx: Transaction) => Promise<AccountState>,
  ): Promise<PushAnswer> {
    const pushed = await sanitizeChanges(this.schema, request.changes);
    const apply = async (tx: Transaction): Promise<Outcome> => {
      const account = await lock(tx); // first: its row lock orders all pushes
      await this.history.checkStamps(tx, accountId, account, request);
      if (request.lastPulledAt < account.horizon) throw new AppError('PULL_REQUIRED');
      const stored = await this.load(tx, accountId, pushed);
      const merge = await mergePush(this.schema, pushed, stored, request.lastPulledAt);
      await cascade(tx, accountId, this.schema, merge, this.records);
      return this.apply(tx, accountId, account, merge, stored);
    };
    const outcome = await this.mutex.run(accountId, () => this.database.transaction(apply));
    if (outcome.isVisible) {
      this.events.publish('records.changed', { accountId, deviceId, timestamp: outcome.timestamp });
    }
    const answer = await toAnswer(outcome, pushed);
    this.adjustmentLog.report(deviceId, request.schemaVersion, answer.adjusted ?? []);
    return answer;
  }

  private async load(tx: Transaction, accountId: string, pushed: PushedChanges): Promise<StoredRows> {
    const stored: StoredRows = new Map();
    for (const [name, { rows, deleted }] of pushed.tables) {
      const byId = new Map<string, StoredRow>();
      for (const ids of [rows.keys(), deleted]) await this.records.listByIds(tx, accountId, name, ids, byId);
      stored.set(name, byId);
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
      const rows: FullRow[] = [];
      for await (const piece of inPieces(live.values()))
        for (const { row, isStored } of piece) if (!isStored) rows.push(row);
      if (rows.length > 0) changed.set(name, rows);
    }
    const tombstones = await union(merge.deleted, merge.restamped);
    if (changed.size === 0 && tombstones.size === 0) {
      const checkpoint = checkpointOf(account);
      return { timestamp: account.clock, checkpoint, rejected: merge.rejected, isVisible: false };
    }

    const counts = await countChanges(changed, tombstones, merge, stored);
    const tombstonesBefore = account.tombstoneCount ?? (await this.countTombstones(tx, accountId));
    const rowCount = account.rowCount + counts.live + counts.tombstones;
    const tombstoneCount = tombstonesBefore + counts.tombstones;
    this.checkQuota(counts, rowCount - tombstoneCount, tombstoneCount);

    const timestamp = Math.max(this.now(), account.clock + 1);
    for (const [name, rows] of changed) await this.records.writeRows(tx, accountId, name, rows, timestamp);
    for (const [name, ids] of tombstones.tables()) {
      await this.records.writeTombstones(tx, accountId, name, ids, timestamp);
    }
    const checkpoint = await this.accounts.moveClock(tx, accountId, timestamp, { rowCount, tombstoneCount });
    return { timestamp, checkpoint, rejected: merge.rejected, isVisible: counts.isVisible };
  }

  private async countTombstones(tx: Transaction, accountId: string): Promise<number> {
    let count = 0;
    for (const table of Object.keys(this.schema.tables))
      count += await this.tombstones.count(tx, accountId, table);
    return count;
  }

  /** Deleting a stored record is never refused: at the quota it is the only way to make room. */
  private checkQuota(added: ChangedCounts, live: number, tombstones: number): void {
    const limit = this.config.maxRowsPerAccount;
    if (limit === 0) return;
    if (added.live > 0 && live > limit) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may hold ${limit} records.`, limit });
    }
    if (added.unknownTombstones > 0 && tombstones > limit * TOMBSTONES_PER_RECORD) {
      throw new AppError('QUOTA_EXCEEDED', {
        detail: `An account may hold ${limit * TOMBSTONES_PER_RECORD} deletions of records that the server does not know.`,
        limit: limit * TOMBSTONES_PER_RECORD,
      });
    }
  }
}

async function union(...sets: IdSets[]): Promise<IdSets> {
  const all = new IdSets();
  for (const set of sets)
    for (const [table, ids] of set.tables())
      for await (const piece of inPieces(ids)) for (const id of piece) all.add(table, id);
  return all;
}

async function toAnswer(outcome: Outcome, { refused, adjustments }: PushedChanges): Promise<PushAnswer> {
  const answer: PushAnswer = { ok: true, timestamp: outcome.timestamp, checkpoint: outcome.checkpoint };
  if (outcome.rejected.length > 0) answer.rejected = outcome.rejected;
  if (refused.length > 0) {
    const idsByTable = new Map<string, string[]>();
    for await (const piece of inPieces(refused))
      for (const { table, id } of piece) {
        const ids = idsByTable.get(table);
        if (ids) ids.push(id);
        else idsByTable.set(table, [id]);
      }
    // Table names come from the request; fromEntries makes even "__proto__" an ordinary member.
    answer.experimentalRejectedIds = Object.fromEntries(idsByTable);
  }
  const { first, more } = await adjustments.ofStored(outcome.rejected);
  if (first.length > 0) answer.adjusted = first;
  if (more > 0) answer.adjusted_more = more;
  return answer;
}
