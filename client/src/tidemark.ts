import type { Database } from '@nozbe/watermelondb';
import { AccountCredentials, type Account } from './api/account-credentials.js';
import { Api } from './api/api.js';
import type { CredentialStore } from './api/credentials.js';
import { databaseCredentials } from './api/database-credentials.js';
import { fetchTransport } from './api/fetch-transport.js';
import { serverOrigin } from './api/server-origin.js';
import type { Transport } from './api/transport.js';
import { xhrTransport } from './api/xhr-transport.js';
import type { DocumentFeed } from './connection/document-feed.js';
import type { Observable } from './light/observable.js';
import type { SyncStatus } from './light/status.js';
import type { RecoveryWay } from './records/local-data.js';
import type { DescribeRow, Notice } from './records/notices.js';
import { countUnsynced } from './records/pending.js';
import type { Synchronize } from './records/records.js';
import { hasRows } from './records/recovery.js';
import { SyncEngine } from './records/sync-engine.js';
import { SyncedTables, type Parents } from './records/synced-tables.js';

/** What a client is made from. */
export interface TidemarkOptions {
  database: Database;
  /** WatermelonDB's `synchronize`, from `@nozbe/watermelondb/sync`. */
  synchronize: Synchronize;
  /** The server's origin, such as `https://sync.example.org`, unless the user has set another one; empty: none yet. */
  serverUrl: string;
  /** The name and platform that this installation registers with. */
  device: { name: string; platform: string };
  /** The columns that refer to parents; default: no table has any. `tidemark tables model` prints them. */
  parents?: Parents;
  /** Where the tokens are kept; default: in the database, unencrypted. */
  credentials?: CredentialStore;
  /** Makes the HTTP requests; default: XMLHttpRequest, or `fetch` where there is none. */
  transport?: Transport;
  /** Names a row for the notices; default: "an entry". */
  describe?: DescribeRow;
  /** Epoch ms; default: Date.now. */
  now?: () => number;
}

/** A code with which one more device joins the account, once. */
export interface PairingCode {
  code: string;
  /** Epoch ms. */
  expiresAt: number;
}

/** A device of the account. */
export interface DeviceInfo {
  deviceId: string;
  name: string;
  platform: string | null;
  /** Epoch ms; may be up to a minute behind. */
  lastSeenAt: number;
  /** Epoch ms; null: never. */
  lastPulledAt: number | null;
  /** Whether it is the device that asks. */
  isCurrent: boolean;
}

/** What to do with the data on this device when it joins another account. */
export type JoinWith = 'bring-along' | 'start-fresh';

interface DeviceAnswer {
  device_id: string;
  name: string;
  platform: string | null;
  last_seen_at: number;
  last_pulled_at: number | null;
  is_current: boolean;
}

const SERVER_URL = 'tidemark_server_url';

/** Keeps one WatermelonDB database in step with a Tidemark server, and shows at every moment how far it is. */
export class Tidemark {
  readonly database: Database;
  /** Makes requests to the server as this device. */
  readonly api: Api;
  /** Null until this device is registered. */
  readonly account: Observable<Account | null>;
  private readonly tables: SyncedTables;
  private readonly transport: Transport;
  private readonly engine: SyncEngine;

  private constructor(
    private readonly options: TidemarkOptions,
    private readonly credentials: AccountCredentials,
    serverUrl: string,
  ) {
    const { database, synchronize, device, parents = {}, describe = () => 'an entry', now } = options;
    this.database = database;
    this.account = credentials.account;
    this.transport = options.transport ?? xhrTransport ?? fetchTransport;
    this.api = new Api(serverUrl, credentials, this.transport, now);
    this.tables = new SyncedTables(database.schema, parents);
    const { api, tables } = this;
    this.engine = new SyncEngine({ database, tables, synchronize, api, credentials, device, describe });
  }

  /**
   * Makes a client, which does nothing before `start` or `sync`; never waits for the network. Make one per database.
   * @throws Error when an option cannot work
   */
  static async open(given: TidemarkOptions): Promise<Tidemark> {
    const options = { ...given, serverUrl: serverOrigin(given.serverUrl) };
    const { database, synchronize, device } = options;
    // Without types nothing else would say so before the first sync.
    if (typeof synchronize !== 'function') {
      throw new Error('synchronize: pass the function of that name from @nozbe/watermelondb/sync.');
    }
    if (typeof device?.name !== 'string') throw new Error('device: pass { name, platform }.');
    const serverUrl = await database.localStorage.get<string>(SERVER_URL);
    const credentials = await AccountCredentials.open(options.credentials ?? databaseCredentials(database));
    return new Tidemark(options, credentials, serverUrl ?? options.serverUrl);
  }

  /** The light: how far this device is, how many changes wait to be sent, the progress, and why it is stuck. */
  get status(): Observable<SyncStatus> {
    return this.engine.light;
  }

  /** What syncs did that the user should know. */
  get notices(): Observable<Notice[]> {
    return this.engine.notices.all;
  }

  /** The server's messages about documents. */
  get documentFeed(): DocumentFeed {
    return this.engine.connection.documents;
  }

  /** The server's origin; empty: none yet. */
  get serverUrl(): string {
    return this.api.serverUrl;
  }

  /** Syncs from now on: at once, after each local change, and when another device has pushed. Registers a new device. */
  start(): void {
    this.engine.lifecycle.start();
  }

  /** Stops syncing until `start` or `sync`; resolves when the sync under way has ended. */
  stop(): Promise<void> {
    return this.engine.lifecycle.stop();
  }

  /**
   * Syncs now, even in the state `incompatible`, and starts if necessary.
   * @throws SyncError why this sync failed; the status shows it too, and syncing goes on by itself
   */
  sync(): Promise<void> {
    return this.engine.sync();
  }

  /** Ends all syncing and writing for good; resolves when the last write to the database has ended. */
  close(): Promise<void> {
    return this.engine.close();
  }

  /**
   * Stops syncing, runs `work`, and starts again with what the database then holds. In `work`, do not wait for `sync`,
   * `close`, `whileStopped`, or what stops syncing too, such as `join`: all of these wait for `work`.
   * @throws SyncError when closed
   */
  whileStopped<T>(work: () => Promise<T>): Promise<T> {
    return this.engine.lifecycle.whileStopped(work);
  }

  /** In the background no pings are sent; back in the foreground the client connects and syncs at once. */
  setForeground(isForeground: boolean): void {
    this.engine.setForeground(isForeground);
  }

  /** Offline, no live connection is kept; syncs are still tried, as the system may be wrong. Online again, syncs at once. */
  setOnline(isOnline: boolean): void {
    this.engine.setOnline(isOnline);
  }

  dismissNotice(id: string): void {
    this.engine.notices.dismiss(id);
  }

  /**
   * Takes a way out of `incompatible`: take the server's data and keep unsynced local changes, upload this device's
   * data, or start empty.
   * @returns how many local changes were discarded
   */
  async resolve(way: RecoveryWay): Promise<{ dropped: number }> {
    checkWord('resolve', way, ['take-server', 'upload-everything', 'start-fresh']);
    return this.engine.resolve(way);
  }

  /**
   * Changes the server's address. If another server answers there, the status becomes `incompatible`.
   * @throws Error when it is not an origin
   */
  async setServerUrl(url: string): Promise<void> {
    const origin = serverOrigin(url);
    await this.whileStopped(() => this.useServer(origin));
  }

  /** Makes a code with which one more device joins this account. @throws SyncError */
  async pair(): Promise<PairingCode> {
    const answer = await this.api.request<{ code: string; expires_at: number }>(
      'POST',
      '/auth/pairing-codes',
    );
    return { code: answer.code, expiresAt: answer.expires_at };
  }

  /**
   * Joins the account that made the code. `localData` decides whether this device's data goes along or is erased. Data
   * that belongs to that account already stays as it is, and the next sync finds out what the server lacks.
   * @throws SyncError when the server refuses or cannot be reached; nothing has changed then
   */
  async join(code: string, options: { serverUrl?: string; localData: JoinWith }): Promise<void> {
    checkWord('localData', options?.localData, ['bring-along', 'start-fresh']);
    const url = options.serverUrl === undefined ? this.serverUrl : serverOrigin(options.serverUrl);
    const api = new Api(url, this.credentials, this.transport);
    const credentials = await api.register({ ...this.options.device, pairingCode: code });
    await this.whileStopped(async () => {
      const account = this.account.get();
      // The data first: if we are interrupted in between, it must not count as data of the other account.
      if (options.localData === 'start-fresh') await this.engine.localData.erase();
      else if (account?.accountId !== credentials.accountId) await this.engine.localData.bringAlong();
      await this.useServer(url);
      await this.credentials.write(credentials);
    });
  }

  /** Erases the data on this device and leaves the account; the account's other devices keep everything. */
  async signOut(): Promise<void> {
    const account = this.account.get();
    await this.whileStopped(async () => {
      // If the server cannot be reached, the device stays on the account's list; another device can remove it.
      if (account) await this.revokeDevice(account.deviceId).catch(() => undefined);
      await this.engine.localData.erase();
      await this.credentials.clear();
    });
  }

  /** The account's devices, the oldest first. @throws SyncError */
  async listDevices(): Promise<DeviceInfo[]> {
    const devices = await this.api.request<DeviceAnswer[]>('GET', '/auth/devices');
    return devices.map((device) => ({
      deviceId: device.device_id,
      name: device.name,
      platform: device.platform,
      lastSeenAt: device.last_seen_at,
      lastPulledAt: device.last_pulled_at,
      isCurrent: device.is_current,
    }));
  }

  /** @throws SyncError */
  async renameDevice(deviceId: string, name: string): Promise<void> {
    await this.api.request('PATCH', devicePath(deviceId), { body: { name } });
  }

  /** Removes a device from the account. @throws SyncError */
  async revokeDevice(deviceId: string): Promise<void> {
    await this.api.request('DELETE', devicePath(deviceId));
  }

  /** Whether this device has rows, or deletions that were not pushed. */
  async hasLocalData(): Promise<boolean> {
    return (await hasRows(this.database, this.tables)) || (await this.countUnsynced()) > 0;
  }

  /** How many local changes the server has not acknowledged, refused ones included. */
  countUnsynced(): Promise<number> {
    return countUnsynced(this.database, this.tables);
  }

  private async useServer(url: string): Promise<void> {
    this.api.serverUrl = url;
    const { localStorage } = this.database;
    if (url === this.options.serverUrl) await localStorage.remove(SERVER_URL);
    else await localStorage.set(SERVER_URL, url);
  }
}

function devicePath(deviceId: string): string {
  return `/auth/devices/${encodeURIComponent(deviceId)}`;
}

/** Without types a misspelled word would choose a way in silence. @throws Error */
function checkWord<T extends string>(name: string, word: T | undefined, words: readonly T[]): void {
  if (word !== undefined && words.includes(word)) return;
  throw new Error(`${name}: "${word}" is none of ${words.join(', ')}.`);
}
