import type { Database } from '@nozbe/watermelondb';
import type { Api } from '../api/api.js';
import { Connection, type KnownHistory } from '../connection/connection.js';
import { DeviceNames } from './device-names.js';
import type { CredentialStore } from '../api/credentials.js';
import { isBehind, isOfThePast, type SyncEvent } from '../light/facts.js';
import { StatusLight } from '../light/light.js';
import { Lifecycle } from './lifecycle.js';
import { LocalData, type RecoveryWay } from './local-data.js';
import { LocalState } from './local-state.js';
import { Notices, type DescribeRow } from './notices.js';
import { BARREN_MS, EDIT_MS, NET_MS, UPDATE_MS, waitAfter } from '../light/pace.js';
import { PendingChanges } from './pending.js';
import { Records, type Synchronize } from './records.js';
import { Schedule } from './schedule.js';
import { Refusals } from './refusals.js';
import { Stopwatch } from '../light/stopwatch.js';
import { SyncError, toSyncError } from '../api/sync-error.js';
import type { SyncedTables } from './synced-tables.js';

/** What the engine is built from. */
export interface SyncEngineParts {
  database: Database;
  tables: SyncedTables;
  synchronize: Synchronize;
  api: Api;
  credentials: CredentialStore;
  /** The name and platform to register with when there are no credentials. */
  device: { name: string; platform: string };
  describe: DescribeRow;
}

/** Keeps the database in step with the server, and reports at every moment how far it is. */
export class SyncEngine {
  /** Use it only in a task of `lifecycle.whileStopped`. */
  readonly localData: LocalData;
  readonly lifecycle: Lifecycle;
  readonly connection: Connection;
  readonly light: StatusLight;
  readonly notices: Notices;
  private readonly stopwatch: Stopwatch;
  private readonly state: LocalState;
  private readonly refusals: Refusals;
  private readonly pending: PendingChanges;
  private readonly records: Records;

  private isOnline = true;
  /** Resolves when the local state has been read after a start. */
  private opening: Promise<void> = Promise.resolve();
  private running: Promise<void> | null = null;
  /** Why the last run failed; null: it did not. */
  private failure: SyncError | null = null;
  /** Runs in a row that succeeded but brought nothing, although the server was known to have changes. */
  private barrenRuns = 0;
  private calledOff = new AbortController();
  private readonly schedule: Schedule;
  private updateTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the last run with something to push began, by the stopwatch. */
  private pushedAt = -Infinity;
  /** Whether the next run takes place although the state is `incompatible`. */
  private isForced = false;

  constructor(private readonly parts: SyncEngineParts) {
    const { database, tables, synchronize, api, describe } = parts;
    this.stopwatch = new Stopwatch(api.now);
    this.light = new StatusLight(this.stopwatch.read);
    this.lifecycle = new Lifecycle({
      begin: () => this.begin(),
      end: () => this.end(),
      onResume: () => this.readAgain(),
    });
    this.schedule = new Schedule(this.stopwatch.read, () => this.run());
    this.state = new LocalState(database);
    this.notices = new Notices(new DeviceNames(api), describe);
    this.refusals = new Refusals(database, tables);
    this.localData = new LocalData(database, tables, this.state, this.refusals);
    this.pending = new PendingChanges(database, tables, this.refusals, {
      onEdited: () => {
        this.light.tell({ type: 'edited' });
        this.plan(this.untilNextEditRun());
      },
      onCounted: (pending, refused) => this.light.tell({ type: 'counted', pending, refused }),
    });
    this.records = new Records(
      {
        database,
        tables,
        synchronize,
        api,
        state: this.state,
        refusals: this.refusals,
        notices: this.notices,
      },
      {
        onHeard: ({ timestamp, checkpoint }) => this.light.tell({ type: 'heard', timestamp, checkpoint }),
        onPulled: (timestamp) => this.light.tell({ type: 'pulled', timestamp }),
        onMoved: (progress) => this.light.tell({ type: 'sync_moved', progress }),
      },
    );
    const known = (): Promise<KnownHistory> => this.state.known();
    this.connection = new Connection(api, known, database.schema.version, this.stopwatch.read, {
      onConnecting: () => this.light.tell({ type: 'link_connecting' }),
      onUp: ({ timestamp }) => this.connected(timestamp),
      onPong: (sentAt, { timestamp, checkpoint }) => {
        // If it cannot be stored now, a later answer tells it again.
        if (checkpoint !== this.light.facts.checkpoint)
          this.state.noteCheckpoint(checkpoint).catch(() => undefined);
        this.heard({ type: 'pong', sentAt, timestamp, checkpoint });
      },
      onChanges: (timestamp, deviceId) => {
        this.notices.noteAnnouncement(deviceId);
        this.heard({ type: 'heard', timestamp });
      },
      onDown: (why) => this.disconnected(why),
    });
  }

  /** Stops for good; resolves when the last write to the database has ended. */
  async close(): Promise<void> {
    await this.lifecycle.close();
    await this.parts.api.close(); // the tokens may be in the database
    // Writes are queued: this empty one ends after the writes that the screens have begun.
    await this.parts.database.write(async () => undefined);
  }

  /** In the background no pings are sent; back in the foreground the client connects and syncs at once. */
  setForeground(isForeground: boolean): void {
    this.connection.setForeground(isForeground);
    if (isForeground) this.tryNow();
  }

  setOnline(isOnline: boolean): void {
    if (isOnline === this.isOnline) return;
    this.isOnline = isOnline;
    if (isOnline) this.tryNow();
    else this.connection.close();
  }

  /**
   * Syncs now, even in the state `incompatible`, and starts if necessary.
   * @throws SyncError why this sync failed; syncing goes on by itself unless this is closed
   */
  async sync(): Promise<void> {
    await this.lifecycle.ensureStarted();
    await this.opening;
    if (this.parts.api.serverUrl === '') throw SyncError.of('NO_ANSWER', 'No server is set.');
    await this.running; // a run under way may have read the local changes already
    this.isForced = true;
    this.tryNow();
    this.run();
    if (!this.running) throw SyncError.of('CANCELED', 'Called off.'); // stopped meanwhile
    await this.running;
    if (this.failure) throw this.failure;
  }

  /**
   * Takes a way out of `incompatible`. A device that the server no longer knows registers again.
   * @returns how many local changes were discarded
   */
  async resolve(way: RecoveryWay): Promise<{ dropped: number }> {
    const code = this.light.facts.incompatible?.code;
    return this.lifecycle.whileStopped(async () => {
      const dropped = await this.localData.prepare(way);
      if (code === 'DEVICE_REVOKED' || code === 'TOKEN_INVALID') await this.parts.credentials.clear();
      return { dropped };
    });
  }

  private begin(): void {
    this.calledOff = new AbortController();
    this.light.start();
    this.opening = this.open(this.calledOff.signal);
  }

  private async end(): Promise<void> {
    this.calledOff.abort();
    this.light.stop();
    this.pending.stop();
    this.connection.close();
    this.schedule.cancel();
    clearTimeout(this.updateTimer);
    this.light.tell({ type: 'sync_stopped' });
    await this.running;
    await this.state.noted();
  }

  private async readAgain(): Promise<void> {
    this.schedule.release();
    const lastPulledAt = await this.state.lastPulledAt().catch(() => null);
    const checkpoint = await this.state.checkpoint().catch(() => null);
    this.light.tell({ type: 'reset', lastPulledAt, checkpoint });
  }

  private async open(signal: AbortSignal): Promise<void> {
    try {
      await this.refusals.load();
      const lastSyncedWall = await this.state.lastSyncedAt();
      const checkpoint = await this.state.checkpoint();
      const lastPulledAt = await this.state.lastPulledAt();
      this.light.tell({ type: 'opened', lastPulledAt, checkpoint, lastSyncedWall });
    } catch (thrown) {
      this.failed(toSyncError(thrown), signal); // go on: a run reads the state again
    }
    if (signal.aborted) return;
    this.pending.start();
    // Before anything connects, or the light could be green while changes wait. If it fails, every run counts again.
    await this.pending.recount().catch(() => undefined);
    if (!signal.aborted) this.tryNow();
  }

  private tryNow(): void {
    if (!this.lifecycle.isStarted || this.parts.api.serverUrl === '') return;
    this.schedule.release();
    const isBarred = this.light.facts.incompatible !== null && !this.isForced;
    if (this.isOnline && !isBarred) this.connection.open();
    this.plan(0);
  }

  private connected(timestamp: number): void {
    this.schedule.release();
    this.light.tell({ type: 'link_up', timestamp });
    const { facts } = this.light;
    if (isBehind(facts) || facts.pending > 0 || facts.failures > 0 || facts.incompatible) this.plan(0);
  }

  private heard(event: SyncEvent): void {
    const isDoubtful = event.type === 'pong' && isOfThePast(this.light.facts, event);
    this.light.tell(event);
    if (isDoubtful || isBehind(this.light.facts)) this.plan(0);
  }

  private disconnected(why: SyncError | null): void {
    this.light.tell({ type: 'link_down', failure: why?.failure ?? null });
    if (why?.isIncompatible) return this.bar(why);
    // Try a sync: something may block live connections while requests still work.
    if (why && this.light.facts.linkFailures === 2) this.plan(0);
  }

  /** Stops trying until the user decides. If an update of the server can help, tries again after `UPDATE_MS`. */
  private bar(why: SyncError): void {
    this.light.tell({ type: 'incompatible', reason: why.reason });
    this.connection.close();
    this.schedule.cancel();
    clearTimeout(this.updateTimer);
    if (why.code !== 'SCHEMA_AHEAD' && why.code !== 'PROTOCOL_MISMATCH') return;
    this.updateTimer = setTimeout(() => void this.sync().catch(() => undefined), UPDATE_MS);
  }

  private untilNextEditRun(): number {
    return Math.max(0, this.pushedAt + EDIT_MS - this.stopwatch.read());
  }

  /** Plans a sync after so many milliseconds; one planned earlier stays. */
  private plan(waitMs: number): void {
    if (this.lifecycle.isStarted && !this.running && this.parts.api.serverUrl !== '')
      this.schedule.plan(waitMs);
  }

  private run(): void {
    const { incompatible, pending } = this.light.facts;
    if (!this.lifecycle.isStarted || this.running || (incompatible && !this.isForced)) return;
    this.isForced = false;
    if (pending > 0) this.pushedAt = this.stopwatch.read();
    this.running = this.attempt(this.calledOff.signal).finally(() => {
      this.running = null;
      this.planNext();
    });
  }

  /** Plans the next run after one has ended: `plan` does nothing while a run is under way. */
  private planNext(): void {
    const { facts } = this.light;
    if (facts.incompatible) return;
    // Hold back instead of planning later: each ping's answer plans a run too.
    if (isBehind(facts) && this.barrenRuns >= 2) this.schedule.holdBack(BARREN_MS);
    if (isBehind(facts) || facts.failures > 0) this.plan(0);
    else if (facts.pending > 0) this.plan(this.untilNextEditRun());
    else this.plan(NET_MS);
  }

  private async attempt(signal: AbortSignal): Promise<void> {
    this.light.tell({ type: 'sync_started' });
    const before = this.light.facts;
    this.failure = null;
    try {
      await this.register(signal);
      await this.records.sync(signal);
      await this.pending.recount();
      this.schedule.release();
      const isBarren = isBehind(before) && this.light.facts.lastPulledAt === before.lastPulledAt;
      this.barrenRuns = isBarren ? this.barrenRuns + 1 : 0;
      await this.state.setLastSyncedAt(this.parts.api.now());
      this.light.tell({ type: 'sync_succeeded', wall: this.parts.api.now() });
      // If the run was aborted, leave the connection closed: the next start may use other credentials.
      if (!signal.aborted && !this.light.facts.linkFailure?.isFinal) this.connection.open();
    } catch (thrown) {
      this.failure = toSyncError(thrown);
      await this.pending.recount().catch(() => undefined);
      this.failed(this.failure, signal);
    }
  }

  private failed(error: SyncError, signal: AbortSignal): void {
    if (signal.aborted) return this.light.tell({ type: 'sync_stopped' });
    if (error.isIncompatible) return this.bar(error);
    const { failures, link } = this.light.facts;
    const wait = waitAfter(error, failures + 1, link === 'up');
    this.schedule.holdBack(wait);
    const nextTryWall = this.parts.api.now() + wait;
    this.light.tell({ type: 'sync_failed', failure: error.failure, nextTryWall });
  }

  private async register(signal: AbortSignal): Promise<void> {
    const { credentials, device, api } = this.parts;
    if (await credentials.read()) return;
    await credentials.write(await api.register(device, signal));
    if (!signal.aborted) this.connection.open();
  }
}
