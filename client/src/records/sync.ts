import type { Database } from '@nozbe/watermelondb';
import { Api } from '../api/api.js';
import { Connection } from '../connection/connection.js';
import { DeviceNames } from './device-names.js';
import type { CredentialStore } from '../api/credentials.js';
import { isBehind } from '../light/facts.js';
import { StatusLight } from '../light/light.js';
import { LocalData, type RecoveryWay } from './local-data.js';
import { LocalState } from './local-state.js';
import { Notices, type Notice } from './notices.js';
import type { Observable } from '../light/observable.js';
import { BARREN_MS, EDIT_MS, NET_MS, UPDATE_MS, waitAfter } from '../light/pace.js';
import { PendingChanges } from './pending.js';
import { Records } from './records.js';
import { Schedule } from './schedule.js';
import { Refusals } from './refusals.js';
import type { SyncStatus } from '../light/status.js';
import { Stopwatch } from '../light/stopwatch.js';
import { SyncError, toSyncError } from '../api/sync-error.js';
import type { Transport } from '../api/transport.js';
import { Mutex } from '../mutex.js';

/** What the sync is built from. */
export interface SyncOptions {
  database: Database;
  /** The server's origin, such as `https://sync.example.org`; empty: none is set yet. */
  serverUrl: string;
  credentials: CredentialStore;
  transport: Transport;
  /** The name and platform to register with when there are no credentials; absent: the caller registers the device. */
  device?: { name: string; platform: string };
  /** Epoch ms; default Date.now. */
  now?: () => number;
}

/** Keeps the database in step with the server, and reports at every moment how far it is. */
export class Sync {
  readonly api: Api;
  /** Use it only inside `whileStopped`. */
  readonly localData: LocalData;
  private readonly now: () => number;
  private readonly stopwatch: Stopwatch;
  private readonly light: StatusLight;
  private readonly state: LocalState;
  private readonly refusals: Refusals;
  private readonly pending: PendingChanges;
  private readonly told: Notices;
  private readonly records: Records;
  readonly connection: Connection;

  private isStarted = false;
  private isClosed = false;
  private isOnline = true;
  private running: Promise<void> | null = null;
  /** Runs in a row that succeeded but brought nothing, although the server was known to have changes. */
  private barrenRuns = 0;
  private calledOff = new AbortController();
  private readonly schedule: Schedule;
  private updateTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the last run with something to push began, by the stopwatch. */
  private pushedAt = -Infinity;
  /** Whether the next run takes place although the state is `incompatible`. */
  private isForced = false;
  /** Runs the tasks of `whileStopped` one after the other. */
  private readonly mutex = new Mutex();

  constructor(private readonly options: SyncOptions) {
    const { database, credentials, transport } = options;
    this.now = options.now ?? Date.now;
    this.stopwatch = new Stopwatch(this.now);
    this.light = new StatusLight(this.stopwatch.read);
    this.schedule = new Schedule(this.stopwatch.read, () => this.run());
    this.api = new Api(options.serverUrl, credentials, transport, this.now);
    this.state = new LocalState(database);
    this.told = new Notices(database, new DeviceNames(this.api));
    this.refusals = new Refusals(database);
    this.localData = new LocalData(database, this.state, this.refusals);
    this.pending = new PendingChanges(database, this.refusals, {
      onEdited: () => {
        this.light.tell({ type: 'edited' });
        this.plan(this.untilNextEditRun());
      },
      onCounted: (pending, refused) => this.light.tell({ type: 'counted', pending, refused }),
    });
    this.records = new Records(database, this.api, this.state, this.refusals, this.told, {
      onHeard: (timestamp) => this.light.tell({ type: 'heard', timestamp }),
      onPulled: (timestamp) => this.light.tell({ type: 'pulled', timestamp }),
      onMoved: (progress) => this.light.tell({ type: 'sync_moved', progress }),
    });
    this.connection = new Connection(this.api, this.state, database.schema.version, this.stopwatch.read, {
      onConnecting: () => this.light.tell({ type: 'link_connecting' }),
      onUp: ({ timestamp }) => this.connected(timestamp),
      onPong: (sentAt, timestamp) => {
        this.light.tell({ type: 'pong', sentAt, timestamp });
        if (isBehind(this.light.facts)) this.plan(0);
      },
      onChanges: (timestamp, deviceId) => {
        this.told.noteAnnouncement(deviceId);
        this.light.tell({ type: 'heard', timestamp });
        if (isBehind(this.light.facts)) this.plan(0);
      },
      onDown: (why) => this.disconnected(why),
    });
  }

  get status(): Observable<SyncStatus> {
    return this.light;
  }

  get notices(): Observable<Notice[]> {
    return this.told.all;
  }

  dismissNotice(id: string): void {
    this.told.dismiss(id);
  }

  /** Starts syncing; returns at once. */
  start(): void {
    if (this.isStarted || this.isClosed) return;
    this.isStarted = true;
    this.calledOff = new AbortController();
    this.light.start();
    void this.open(this.calledOff.signal);
  }

  /** Stops syncing; resolves when the sync under way has ended. */
  async stop(): Promise<void> {
    this.isStarted = false;
    this.calledOff.abort();
    this.light.stop();
    this.pending.stop();
    this.connection.close();
    this.schedule.cancel();
    clearTimeout(this.updateTimer);
    await this.running;
  }

  /** Stops for good; resolves when the last write to the database has ended. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.stop();
    await this.mutex.ended();
    // Writes are queued: this empty one ends after the writes that the screens have begun.
    await this.options.database.write(async () => undefined);
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

  /** Syncs now, even in the state `incompatible`. */
  retry(): void {
    if (!this.isStarted) return;
    this.isForced = true;
    this.tryNow();
  }

  /** Syncs once now, or waits for the sync under way. Does not throw; the status shows failures. */
  async runOnce(): Promise<void> {
    this.run();
    await this.running;
  }

  /**
   * Ways out of `incompatible`: take the server's data and keep unsynced local changes, upload this device's data, or
   * start empty. A device that the server no longer knows registers again.
   * @returns how many local changes were discarded
   */
  async recover(way: RecoveryWay): Promise<{ dropped: number }> {
    const code = this.light.facts.incompatible?.code;
    return this.whileStopped(async () => {
      const dropped = await this.localData.prepare(way);
      if (code === 'DEVICE_REVOKED' || code === 'TOKEN_INVALID') await this.options.credentials.clear();
      return { dropped };
    });
  }

  /**
   * Stops syncing, runs `work`, and starts again with what the database then holds.
   * @throws SyncError when this is closed already; `work` is not run then
   */
  whileStopped<T>(work: () => Promise<T>): Promise<T> {
    return this.mutex.run(async () => {
      if (this.isClosed) throw SyncError.of('CANCELED', 'Called off.');
      const wasStarted = this.isStarted;
      try {
        await this.stop();
        return await work();
      } finally {
        this.schedule.release();
        const lastPulledAt = await this.state.lastPulledAt().catch(() => null);
        this.light.tell({ type: 'reset', lastPulledAt });
        if (wasStarted) this.start();
      }
    });
  }

  private async open(signal: AbortSignal): Promise<void> {
    try {
      await this.refusals.load();
      const lastSyncedWall = await this.state.lastSyncedAt();
      this.light.tell({ type: 'opened', lastPulledAt: await this.state.lastPulledAt(), lastSyncedWall });
    } catch (thrown) {
      this.failed(toSyncError(thrown), signal); // go on: a run reads the state again
    }
    if (signal.aborted) return;
    this.pending.start();
    this.pending.recount().catch(() => undefined); // every run counts again
    this.tryNow();
  }

  private tryNow(): void {
    if (!this.isStarted || this.api.serverUrl === '') return;
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
    this.updateTimer = setTimeout(() => this.retry(), UPDATE_MS);
  }

  private untilNextEditRun(): number {
    return Math.max(0, this.pushedAt + EDIT_MS - this.stopwatch.read());
  }

  /** Plans a sync after so many milliseconds; one planned earlier stays. */
  private plan(waitMs: number): void {
    if (this.isStarted && !this.running && this.api.serverUrl !== '') this.schedule.plan(waitMs);
  }

  private run(): void {
    const { incompatible, pending } = this.light.facts;
    if (!this.isStarted || this.running || (incompatible && !this.isForced)) return;
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
    try {
      await this.register(signal);
      await this.records.sync(signal);
      await this.pending.recount();
      this.schedule.release();
      const isBarren = isBehind(before) && this.light.facts.lastPulledAt === before.lastPulledAt;
      this.barrenRuns = isBarren ? this.barrenRuns + 1 : 0;
      await this.state.setLastSyncedAt(this.now());
      this.light.tell({ type: 'sync_succeeded', wall: this.now() });
      // If the run was aborted, leave the connection closed: the next start may use other credentials.
      if (!signal.aborted && !this.light.facts.linkFailure?.isFinal) this.connection.open();
    } catch (thrown) {
      await this.pending.recount().catch(() => undefined);
      this.failed(toSyncError(thrown), signal);
    }
  }

  private failed(error: SyncError, signal: AbortSignal): void {
    if (signal.aborted) return this.light.tell({ type: 'sync_stopped' });
    if (error.isIncompatible) return this.bar(error);
    const { failures, link } = this.light.facts;
    const wait = waitAfter(error, failures + 1, link === 'up');
    this.schedule.holdBack(wait);
    this.light.tell({ type: 'sync_failed', failure: error.failure, nextTryWall: this.now() + wait });
  }

  private async register(signal: AbortSignal): Promise<void> {
    const { credentials, device } = this.options;
    if (!device || (await credentials.read())) return;
    await credentials.write(await this.api.register(device, signal));
    if (!signal.aborted) this.connection.open();
  }
}
