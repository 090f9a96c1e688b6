import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository, checkpointOf, type AccountState } from '../../auth/accounts.repository.js';
import type { Device } from '../../auth/device.guard.js';
import { DeviceActivity } from '../../auth/device-activity.js';
import { Database, type Snapshot } from '../../foundation/database/database.js';
import { AccountSnapshots } from './account-snapshots.js';
import { SCHEMA } from '../../foundation/database/database.module.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { tablesAt, type Schema } from '../../protocol/schema.js';
import type { Timestamp } from '../../protocol/sync.js';
import { ChangesReader, type ReadPlan } from './changes.reader.js';
import { HistoryService, type ClientState } from '../history.service.js';
import type { PullRequest } from '../requests.js';

/** A streamed answer: its number of rows, and its JSON text in pieces. */
export interface PullStream {
  rows: number;
  body: AsyncGenerator<string, void>;
  /** Closes the snapshot. The caller must call it however the answer ends; calling it twice is harmless. */
  close(): Promise<void>;
}

/** Answers pulls: from the account's clock alone if nothing is new, else from one snapshot. */
@Injectable()
export class PullService {
  /** `"games":{"created":[],"updated":[],"deleted":[]},…` for each schema version of clients. */
  private readonly emptyChanges = new Map<number, string>();

  constructor(
    private readonly database: Database,
    private readonly snapshots: AccountSnapshots,
    private readonly accounts: AccountsRepository,
    private readonly history: HistoryService,
    private readonly reader: ChangesReader,
    private readonly activity: DeviceActivity,
    @Inject(SCHEMA) private readonly schema: Schema,
  ) {}

  /**
   * Reads what changed since the client's last pull (BE pull 1–13).
   * @returns the whole text if nothing is new, else a stream that holds a snapshot until it is closed
   * @throws AppError HISTORY_CHANGED, SCHEMA_AHEAD, RESYNC_REQUIRED, OVERLOADED
   */
  async pull(device: Device, request: PullRequest): Promise<string | PullStream> {
    this.history.check(device.account, request);
    this.activity.notePulled(device.accountId, device.deviceId);
    const { account } = device;
    const isUpToDate = request.lastPulledAt === account.clock && this.history.isCurrent(account, request);
    if (isUpToDate && request.migration === null) return this.nothingNew(account, request);
    const snapshot = await this.snapshots.open(device.accountId);
    try {
      return await this.read(snapshot, device.accountId, request);
    } catch (error) {
      await snapshot.close();
      throw error;
    }
  }

  /** Tells whether a pull would bring anything, without reading records. @throws AppError HISTORY_CHANGED, SCHEMA_AHEAD */
  async status(
    { accountId, account }: Device,
    client: ClientState,
  ): Promise<{ isUpToDate: boolean; timestamp: Timestamp }> {
    await this.history.checkStamps(this.database, accountId, account, client);
    return { isUpToDate: client.lastPulledAt === account.clock, timestamp: account.clock };
  }

  private async read(snapshot: Snapshot, accountId: string, request: PullRequest): Promise<PullStream> {
    const account = await this.accounts.get(snapshot, accountId);
    await this.history.checkStamps(snapshot, accountId, account, request);
    const { lastPulledAt, acceptsReplacement } = request;
    const isReplacement = lastPulledAt !== null && lastPulledAt < account.horizon;
    if (isReplacement && !acceptsReplacement) throw new AppError('RESYNC_REQUIRED');
    const plan: ReadPlan = {
      accountId,
      since: isReplacement ? null : lastPulledAt,
      withTombstones: lastPulledAt !== null,
      schemaVersion: this.versionOf(request),
      migration: request.migration,
    };
    const rows = await this.reader.count(snapshot, plan);
    const body = this.text(snapshot, plan, this.ending(account, isReplacement));
    return { rows, body, close: () => snapshot.close() };
  }

  private async *text(snapshot: Snapshot, plan: ReadPlan, ending: string): AsyncGenerator<string, void> {
    yield '{"changes":{';
    yield* this.reader.read(snapshot, plan);
    // All rows are read; a client that receives the rest slowly must not keep the snapshot open.
    await snapshot.close();
    yield ending;
  }

  private nothingNew(account: AccountState, request: PullRequest): string {
    const version = this.versionOf(request);
    let empty = this.emptyChanges.get(version);
    if (empty === undefined) {
      empty = tablesAt(this.schema, version)
        .map(([name]) => `"${name}":{"created":[],"updated":[],"deleted":[]}`)
        .join();
      this.emptyChanges.set(version, empty);
    }
    return `{"changes":{${empty}${this.ending(account, false)}`;
  }

  private ending(account: AccountState, isReplacement: boolean): string {
    const strategy = isReplacement ? ',"experimentalStrategy":"replacement"' : '';
    return `},"timestamp":${account.clock},"history_id":"${account.historyId}","checkpoint":"${checkpointOf(account)}","schema_version":${this.schema.version}${strategy}}`;
  }

  private versionOf(request: PullRequest): number {
    return request.schemaVersion ?? this.schema.version;
  }
}
