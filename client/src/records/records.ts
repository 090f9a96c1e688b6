import { Q, type Database } from '@nozbe/watermelondb';
import type {
  SyncArgs,
  SyncConflictResolver,
  SyncPullArgs,
  SyncPullResult,
  SyncPushArgs,
  SyncPushResult,
} from '@nozbe/watermelondb/sync/index.js';
import type { DirtyRaw } from '@nozbe/watermelondb/RawRecord/index.js';
import type { PullAnswer, PushAnswer, Timestamp } from '../../../src/protocol/sync.js';
import type { Told } from '../light/facts.js';
import type { Api } from '../api/api.js';
import { DeclarationCheck } from './declaration-check.js';
import type { LocalState } from './local-state.js';
import { DownloadMeter, uploadMeter } from '../api/meter.js';
import type { MergedRow, Notices } from './notices.js';
import { dropOrphans, keepUnsynced } from './recovery.js';
import type { Refusals } from './refusals.js';
import type { IdsByTable, LocalChanges, SyncedTables } from './synced-tables.js';
import type { Progress } from '../light/reason.js';
import { SyncError } from '../api/sync-error.js';

/** WatermelonDB's `synchronize`, or a function that calls it with these arguments. */
export type Synchronize = (args: SyncArgs) => Promise<void>;

/** What syncing records needs. */
export interface RecordsParts {
  database: Database;
  tables: SyncedTables;
  synchronize: Synchronize;
  api: Api;
  state: LocalState;
  refusals: Refusals;
  notices: Notices;
}

/** What happens during a sync. */
export interface RecordsListener {
  /** An answer carried the server's clock. */
  onHeard(told: Told): void;
  /** The local database has all changes up to this stamp. */
  onPulled(timestamp: Timestamp): void;
  onMoved(progress: Omit<Progress, 'secondsLeft'>): void;
}

/** Syncs records both ways: WatermelonDB's `synchronize` plus the server's additions to its protocol. */
export class Records {
  /** The contents pushed last, by table and id: a pulled row that equals one is not another device's change. */
  private readonly echoes = new Map<string, string>();

  private readonly declaration: DeclarationCheck;

  constructor(
    private readonly parts: RecordsParts,
    private readonly listener: RecordsListener,
  ) {
    this.declaration = new DeclarationCheck(parts.database.schema, parts.api);
  }

  /** Pulls, then pushes. @throws SyncError, or an Error of the local database */
  async sync(signal: AbortSignal): Promise<void> {
    try {
      await this.pullAndPush(signal);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'PUSH_CONFLICT') throw error;
      await this.pullAndPush(signal); // this pull merges what other devices pushed in between
    }
    void this.declaration.run(signal);
  }

  private async pullAndPush(signal: AbortSignal): Promise<void> {
    const merged: MergedRow[] = [];
    let isReplacement = false;
    let isWhole = false;
    let deletedEdits = 0;
    let answer: PullAnswer;
    const queued: Promise<void>[] = [];
    const queue = (work: Promise<void>): void => {
      work.catch(() => undefined); // `Promise.all` below reports the error
      queued.push(work);
    };
    await this.parts
      .synchronize({
        database: this.parts.database,
        sendCreatedAsUpdated: true,
        migrationsEnabledAtVersion: 1,
        pullChanges: async (args) => {
          answer = await this.pull(args, signal);
          isReplacement = answer.experimentalStrategy === 'replacement';
          isWhole = isReplacement || !args.lastPulledAt;
          return answer as unknown as SyncPullResult; // the whole answer: WatermelonDB reads `experimentalStrategy` in it
        },
        onWillApplyRemoteChanges: async ({ remoteChangeCount: totalRows }) => {
          if (totalRows > 0) {
            this.listener.onMoved({ phase: 'apply', rows: 0, totalRows, bytes: 0, totalBytes: null });
          }
          // Count before `keepUnsynced`: it marks parents of unsynced rows as created, so they would count as edits.
          queue(this.countEdited(answer.changes).then((count) => void (deletedEdits = count)));
          // Not awaited: WatermelonDB's replacing write must be queued directly behind this one, with no edit between.
          if (isReplacement) queue(this.keepUnsynced(answer));
        },
        conflictResolver: this.noteMerges(merged),
        onDidPullChanges: async () => {
          // Queued too, before WatermelonDB reads the changes to push.
          if (isReplacement) queue(this.dropOrphans());
          this.listener.onPulled(answer.timestamp);
          this.parts.notices.tellDeleted(deletedEdits);
          // Not awaited, and errors are ignored: it may ask the server for a device name.
          // A pull of all rows does not say which of them are new, so nothing is reported.
          this.parts.notices.tellMerged(isWhole ? [] : merged).catch(() => undefined);
        },
        pushChanges: (args) => this.push(args, signal),
      })
      .finally(() => Promise.all(queued));
  }

  private async pull({ lastPulledAt, schemaVersion, migration }: SyncPullArgs, signal: AbortSignal) {
    const isFirst = !lastPulledAt;
    const meter = new DownloadMeter(this.listener.onMoved);
    const answer = await this.parts.api.request<PullAnswer>('GET', '/sync/pull', {
      query: {
        last_pulled_at: lastPulledAt,
        schema_version: schemaVersion,
        migration: migration && JSON.stringify(migration),
        history_id: await this.parts.state.historyId(),
        checkpoint: await this.parts.state.checkpoint(),
        replacement: 1,
      },
      signal,
      onHeaders: meter.onHeaders,
      onReceived: meter.onReceived,
    });
    await this.hear(answer);
    if (!isFirst) return answer;
    // From the first pull on this database belongs to that history; a server with another history refuses it.
    await this.parts.state.setHistoryId(answer.history_id);
    if (await this.parts.state.isReplacedByFirstPull()) answer.experimentalStrategy = 'replacement';
    return answer;
  }

  // Never store the answer's `timestamp` as the last pull's: changes of other devices may have lower stamps.
  private async push({ changes, lastPulledAt }: SyncPushArgs, signal: AbortSignal): Promise<SyncPushResult> {
    const { rest, heldBack } = this.parts.refusals.holdBack(changes as LocalChanges);
    const count = countOf(rest);
    if (count === 0) return { experimentalRejectedIds: heldBack };
    this.noteEchoes(rest);
    const answer = await this.parts.api.request<PushAnswer>('POST', '/sync/push', {
      query: {
        schema_version: this.parts.database.schema.version,
        history_id: await this.parts.state.historyId(),
        checkpoint: await this.parts.state.checkpoint(),
      },
      body: { changes: rest, last_pulled_at: lastPulledAt },
      signal,
      onSent: uploadMeter(count, this.listener.onMoved),
    });
    await this.hear(answer);
    await this.parts.refusals.note(rest, answer);
    this.parts.notices.tellRejected(answer.rejected ?? []);
    this.declaration.tellAdjusted(answer.adjusted ?? []);
    return { experimentalRejectedIds: join(heldBack, answer.experimentalRejectedIds ?? {}) };
  }

  // Stored before WatermelonDB marks the rows as synced: a server that loses them afterwards must be found out.
  private async hear(told: Told): Promise<void> {
    await this.parts.state.noteCheckpoint(told.checkpoint);
    this.listener.onHeard(told);
  }

  /** How many of the rows that were deleted on other devices have unsynced changes on this one. */
  private countEdited(changes: PullAnswer['changes']): Promise<number> {
    return this.parts.database.read(async () => {
      let count = 0;
      for (const [table, { deleted }] of Object.entries(changes)) {
        const collection = this.parts.database.collections.map[table];
        if (!collection || deleted.length === 0) continue;
        const gone = new Set(deleted);
        const edited = await collection.query(Q.where('_status', Q.notEq('synced'))).unsafeFetchRaw();
        count += edited.filter(
          (raw: DirtyRaw) => gone.has(raw.id as string) && !this.isEcho(table, raw),
        ).length;
      }
      return count;
    });
  }

  private isEcho(table: string, raw: DirtyRaw): boolean {
    return this.echoes.get(`${table}/${raw.id}`) === this.parts.tables.contentOf(table, raw);
  }

  private noteMerges(merged: MergedRow[]): SyncConflictResolver {
    return (table, local, remote, resolved) => {
      const isEdited = local._status === 'updated' || (local._status === 'created' && local._changed !== '');
      const isNews =
        !this.isEcho(table, remote) &&
        this.parts.tables.contentOf(table, remote) !== this.parts.tables.contentOf(table, local);
      if (isEdited && isNews) merged.push({ table, raw: { ...resolved } });
      return resolved;
    };
  }

  private noteEchoes(changes: LocalChanges): void {
    this.echoes.clear();
    for (const [table, { created, updated }] of Object.entries(changes)) {
      for (const raw of [...created, ...updated])
        this.echoes.set(`${table}/${raw.id}`, this.parts.tables.contentOf(table, raw));
    }
  }

  private async keepUnsynced(answer: PullAnswer): Promise<void> {
    try {
      await keepUnsynced(this.parts.database, this.parts.tables);
    } catch (error) {
      // The replacing write reads `changes` when it begins; it must fail too, or it would destroy what is not marked.
      const fail = (): never => {
        throw error;
      };
      Object.defineProperty(answer, 'changes', { get: fail });
      throw error;
    }
  }

  private async dropOrphans(): Promise<void> {
    const dropped = await dropOrphans(this.parts.database, this.parts.tables);
    this.parts.notices.tellDropped(Object.values(dropped).reduce((sum, count) => sum + count, 0));
  }
}

function countOf(changes: LocalChanges): number {
  return Object.values(changes).reduce(
    (sum, { created, updated, deleted }) => sum + created.length + updated.length + deleted.length,
    0,
  );
}

function join(some: IdsByTable, more: IdsByTable): IdsByTable {
  const joined: IdsByTable = { ...some };
  for (const [table, ids] of Object.entries(more)) joined[table] = [...(joined[table] ?? []), ...ids];
  return joined;
}
