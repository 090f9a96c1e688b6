import { Q, type Database } from '@nozbe/watermelondb';
import {
  synchronize,
  type SyncConflictResolver,
  type SyncPullArgs,
  type SyncPullResult,
  type SyncPushArgs,
  type SyncPushResult,
} from '@nozbe/watermelondb/sync/index.js';
import type { DirtyRaw } from '@nozbe/watermelondb/RawRecord/index.js';
import type { PullAnswer, PushAnswer, Timestamp } from '../../../src/protocol/sync.js';
import type { Api } from './api';
import type { LocalState } from './local-state';
import { DownloadMeter, uploadMeter } from './meter';
import type { MergedRow, Notices } from './notices';
import { contentOf, type IdsByTable, type LocalChanges } from './raw-row';
import { dropOrphans, keepUnsynced } from './recovery';
import type { Refusals } from './refusals';
import type { Progress } from './reason';
import { SyncError } from './sync-error';

/** Who follows a sync. */
export interface RecordsListener {
  /** The server's clock, as an answer told it. */
  onHeard(timestamp: Timestamp): void;
  /** Everything up to this moment is in the local database. */
  onPulled(timestamp: Timestamp): void;
  onMoved(progress: Omit<Progress, 'secondsLeft'>): void;
}

/** Moves records both ways: WatermelonDB's `synchronize` with what the server's contract adds to it. */
export class Records {
  /** What was pushed last and has not come back yet, by table and id: an echo is no change of somebody else. */
  private readonly echoes = new Map<string, string>();

  constructor(
    private readonly database: Database,
    private readonly api: Api,
    private readonly state: LocalState,
    private readonly refusals: Refusals,
    private readonly notices: Notices,
    private readonly listener: RecordsListener,
  ) {}

  /** Pulls, then pushes. @throws SyncError, or Error of the local database */
  async sync(signal: AbortSignal): Promise<void> {
    try {
      await this.pullAndPush(signal);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'PUSH_CONFLICT') throw error;
      await this.pullAndPush(signal); // its pull merges what others pushed in between
    }
  }

  private async pullAndPush(signal: AbortSignal): Promise<void> {
    const merged: MergedRow[] = [];
    let isReplacement = false;
    let isWhole = false;
    let deletedEdits = 0;
    let changes: PullAnswer['changes'];
    const queued: Promise<void>[] = [];
    const queue = (work: Promise<void>): void => {
      work.catch(() => undefined); // it is heard below
      queued.push(work);
    };
    await synchronize({
      database: this.database,
      sendCreatedAsUpdated: true,
      migrationsEnabledAtVersion: 1,
      pullChanges: async (args) => {
        const answer = await this.pull(args, signal);
        isReplacement = answer.experimentalStrategy === 'replacement';
        isWhole = isReplacement || !args.lastPulledAt;
        changes = answer.changes;
        return answer as unknown as SyncPullResult; // handed on whole, for WatermelonDB acts on a strategy in it
      },
      onWillApplyRemoteChanges: async ({ remoteChangeCount: totalRows }) => {
        if (totalRows > 0) {
          this.listener.onMoved({ phase: 'apply', rows: 0, totalRows, bytes: 0, totalBytes: null });
        }
        // Counted first: what is kept for the sake of others is marked like an edit.
        queue(this.countEdited(changes).then((count) => void (deletedEdits = count)));
        // Not awaited: the replacing write queues up right behind, so that no edit gets in between.
        if (isReplacement) queue(keepUnsynced(this.database));
      },
      conflictResolver: this.noteMerges(merged),
      onDidPullChanges: async (answer) => {
        // Queued as well, ahead of the reading of what is to be pushed.
        if (isReplacement) queue(this.dropOrphans());
        this.listener.onPulled((answer as PullAnswer).timestamp);
        this.notices.tellDeleted(deletedEdits);
        // Not waited for, and no reason to fail: it may ask the server for a name.
        // Of a whole data set nobody knows what in it is new.
        this.notices.tellMerged(isWhole ? [] : merged).catch(() => undefined);
      },
      pushChanges: (args) => this.push(args, signal),
    }).finally(() => Promise.all(queued));
  }

  private async pull({ lastPulledAt, schemaVersion, migration }: SyncPullArgs, signal: AbortSignal) {
    const isFirst = !lastPulledAt;
    const meter = new DownloadMeter(this.listener.onMoved);
    const answer = await this.api.request<PullAnswer>('GET', '/sync/pull', {
      query: {
        last_pulled_at: lastPulledAt,
        schema_version: schemaVersion,
        migration: migration && JSON.stringify(migration),
        history_id: await this.state.historyId(),
        replacement: 1,
      },
      signal,
      onHeaders: meter.onHeaders,
      onReceived: meter.onReceived,
    });
    this.listener.onHeard(answer.timestamp);
    if (!isFirst) return answer;
    // From the first pull on this database belongs to that history; the server refuses any other one.
    await this.state.setHistoryId(answer.history_id);
    if (await this.state.isReplacedByFirstPull()) answer.experimentalStrategy = 'replacement';
    return answer;
  }

  // The answer's `timestamp` must never become the last pull's: other devices' changes may lie below it.
  private async push({ changes, lastPulledAt }: SyncPushArgs, signal: AbortSignal): Promise<SyncPushResult> {
    const { rest, heldBack } = this.refusals.holdBack(changes as LocalChanges);
    const count = countOf(rest);
    if (count === 0) return { experimentalRejectedIds: heldBack };
    this.noteEchoes(rest);
    const answer = await this.api.request<PushAnswer>('POST', '/sync/push', {
      query: { schema_version: this.database.schema.version, history_id: await this.state.historyId() },
      body: { changes: rest, last_pulled_at: lastPulledAt },
      signal,
      onSent: uploadMeter(count, this.listener.onMoved),
    });
    this.listener.onHeard(answer.timestamp);
    await this.refusals.note(rest, answer);
    this.notices.tellRejected(answer.rejected ?? []);
    return { experimentalRejectedIds: join(heldBack, answer.experimentalRejectedIds ?? {}) };
  }

  /** How many of the rows that were deleted elsewhere have unsynced changes here. */
  private countEdited(changes: PullAnswer['changes']): Promise<number> {
    return this.database.read(async () => {
      let count = 0;
      for (const [table, { deleted }] of Object.entries(changes)) {
        const collection = this.database.collections.map[table];
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
    return this.echoes.get(`${table}/${raw.id}`) === contentOf(table, raw);
  }

  private noteMerges(merged: MergedRow[]): SyncConflictResolver {
    return (table, local, remote, resolved) => {
      const isEdited = local._status === 'updated' || (local._status === 'created' && local._changed !== '');
      const isNews = !this.isEcho(table, remote) && contentOf(table, remote) !== contentOf(table, local);
      if (isEdited && isNews) merged.push({ table, raw: { ...resolved } });
      return resolved;
    };
  }

  private noteEchoes(changes: LocalChanges): void {
    this.echoes.clear();
    for (const [table, { created, updated }] of Object.entries(changes)) {
      for (const raw of [...created, ...updated])
        this.echoes.set(`${table}/${raw.id}`, contentOf(table, raw));
    }
  }

  private async dropOrphans(): Promise<void> {
    const dropped = await dropOrphans(this.database);
    this.notices.tellDropped(Object.values(dropped).reduce((sum, count) => sum + count, 0));
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
