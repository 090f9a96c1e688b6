import type { Database } from '@nozbe/watermelondb';
import { Api } from './api/api.js';
import type { CredentialStore } from './api/credentials.js';
import type { Observable } from './light/observable.js';
import { countUnsynced } from './records/pending.js';
import { hasRows } from './records/recovery.js';
import { Sync } from './records/sync.js';
import type { Transport } from './api/transport.js';
import { AccountCredentials, type Account } from './api/account-credentials.js';

/** The parts of a session that differ between phones, browsers and tests. */
export interface SessionParts {
  database: Database;
  credentials: CredentialStore;
  transport: Transport;
  /** The server's origin unless the user set another one; empty: none is configured. */
  defaultServerUrl: string;
  /** The name and the platform that this installation registers with. */
  device: { name: string; platform: string };
  /** Reports to the sync when the app's visibility or connection changes. @returns a function that stops it */
  watch?(sync: Sync): () => void;
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
export type LocalData = 'bring-along' | 'start-fresh';

interface DeviceAnswer {
  device_id: string;
  name: string;
  platform: string | null;
  last_seen_at: number;
  last_pulled_at: number | null;
  is_current: boolean;
}

const SERVER_URL = 'tidemark_server_url';

/** One run of the app: the database, its sync, and this device's account. */
export class Session {
  readonly database: Database;
  readonly sync: Sync;
  /** Null until this device is registered. */
  readonly account: Observable<Account | null>;
  private readonly unwatch: () => void;

  private constructor(
    private readonly parts: SessionParts,
    private readonly credentials: AccountCredentials,
    serverUrl: string,
  ) {
    const { database, transport, device } = parts;
    this.database = database;
    this.account = credentials.account;
    this.sync = new Sync({ database, serverUrl, credentials, transport, device });
    this.unwatch = parts.watch?.(this.sync) ?? (() => undefined);
    this.sync.start();
  }

  /** Opens the local data and starts syncing; never waits for the network. The first sync registers a new device. */
  static async open(parts: SessionParts): Promise<Session> {
    const serverUrl = await parts.database.localStorage.get<string>(SERVER_URL);
    return new Session(
      parts,
      await AccountCredentials.open(parts.credentials),
      serverUrl ?? parts.defaultServerUrl,
    );
  }

  /** The server's origin; empty: none yet. */
  get serverUrl(): string {
    return this.sync.api.serverUrl;
  }

  /** Changes the server's address. If another server answers there, the status becomes `incompatible`. */
  async setServerUrl(url: string): Promise<void> {
    await this.sync.whileStopped(() => this.useServer(url));
  }

  /** Makes a pairing code, with which one more device joins the account. @throws SyncError */
  async createPairingCode(): Promise<{ code: string; expiresAt: number }> {
    const answer = await this.sync.api.request<{ code: string; expires_at: number }>(
      'POST',
      '/auth/pairing-codes',
    );
    return { code: answer.code, expiresAt: answer.expires_at };
  }

  /** The account's devices, the oldest first. @throws SyncError */
  async listDevices(): Promise<DeviceInfo[]> {
    const devices = await this.sync.api.request<DeviceAnswer[]>('GET', '/auth/devices');
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
    await this.sync.api.request('PATCH', devicePath(deviceId), { body: { name } });
  }

  /** Removes a device from the account. @throws SyncError */
  async revokeDevice(deviceId: string): Promise<void> {
    await this.sync.api.request('DELETE', devicePath(deviceId));
  }

  /**
   * Joins the account that made the code. `localData` decides whether this device's data goes along or is erased.
   * @throws SyncError when the server refuses or cannot be reached; nothing has changed then
   */
  async join(code: string, options: { serverUrl?: string; localData: LocalData }): Promise<void> {
    const url = options.serverUrl ?? this.serverUrl;
    const api = new Api(url, this.credentials, this.parts.transport);
    const credentials = await api.register({ ...this.parts.device, pairingCode: code });
    await this.sync.whileStopped(async () => {
      // The data first: if we are interrupted in between, it must not count as data of the other account.
      if (options.localData === 'start-fresh') await this.sync.localData.erase();
      else await this.sync.localData.bringAlong();
      await this.useServer(url);
      await this.credentials.write(credentials);
    });
  }

  /** Whether this device has rows, or deletions that were not pushed. */
  async hasLocalData(): Promise<boolean> {
    return (await hasRows(this.database)) || (await this.countUnsynced()) > 0;
  }

  /** How many local changes the server has not acknowledged, refused ones included. */
  countUnsynced(): Promise<number> {
    return countUnsynced(this.database);
  }

  /** Erases the data on this device and leaves the account; the account's other devices keep everything. */
  async signOut(): Promise<void> {
    const account = this.account.get();
    await this.sync.whileStopped(async () => {
      // If the server cannot be reached, the device stays on the account's list; another device can remove it.
      if (account) await this.revokeDevice(account.deviceId).catch(() => undefined);
      await this.sync.localData.erase();
      await this.credentials.clear();
    });
  }

  /** Makes a link to a read-only scoreboard of one game. @throws SyncError */
  async createShare(gameId: string): Promise<{ shareId: string; url: string }> {
    const answer = await this.sync.api.request<{ share_id: string; url: string }>('POST', sharesPath(gameId));
    return { shareId: answer.share_id, url: answer.url };
  }

  /** The links to a game that have not been withdrawn. @throws SyncError */
  async listShares(gameId: string): Promise<{ shareId: string; createdAt: number }[]> {
    const shares = await this.sync.api.request<{ share_id: string; created_at: number }[]>(
      'GET',
      sharesPath(gameId),
    );
    return shares.map((share) => ({ shareId: share.share_id, createdAt: share.created_at }));
  }

  /** @throws SyncError */
  async withdrawShare(shareId: string): Promise<void> {
    await this.sync.api.request('DELETE', `/shares/${encodeURIComponent(shareId)}`);
  }

  /** Ends all syncing and writing for good; another tab may then open the database. */
  async close(): Promise<void> {
    this.unwatch();
    await this.sync.close();
  }

  private async useServer(url: string): Promise<void> {
    this.sync.api.serverUrl = url;
    const { localStorage } = this.database;
    if (url === this.parts.defaultServerUrl) await localStorage.remove(SERVER_URL);
    else await localStorage.set(SERVER_URL, url);
  }
}

function devicePath(deviceId: string): string {
  return `/auth/devices/${encodeURIComponent(deviceId)}`;
}

function sharesPath(gameId: string): string {
  return `/games/${encodeURIComponent(gameId)}/shares`;
}
