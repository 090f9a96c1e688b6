import { PROTOCOL_VERSION } from '../../../src/protocol/version.js';
import type { Hello } from '../../../src/protocol/events.js';
import type { Checkpoint, Timestamp } from '../../../src/protocol/sync.js';
import type { Api } from '../api/api.js';
import type { Credentials } from '../api/credentials.js';
import type { Told } from '../light/facts.js';
import { DocumentFeed } from './document-feed.js';
import { Link } from './link.js';
import { toSyncError, type SyncError } from '../api/sync-error.js';

/** The wait before the first retry. It is short because most interruptions are. */
const FIRST_WAIT_MS = 250;
const WAIT_FACTOR = 1.6;
const MAX_WAIT_MS = 2_000;
/** After so many failures in a row we expect a long outage and wait `LONG_WAIT_MS`. */
const LONG_AWAY = 60;
const LONG_WAIT_MS = 10_000;
/** The wait after `TOO_MANY_CONNECTIONS`: other sockets of this device took the place of ours. */
const REPLACED_WAIT_MS = 60_000;
/** After so long in the background we connect again, because the system may have dropped the connection. */
const SLEEP_MS = 15_000;
/** The share of a token's remaining life after which it is renewed. */
const RENEW_AT = 0.7;
const MIN_RENEW_MS = 1_000;
const MAX_RENEW_RETRY_MS = 30_000;

/** Which state of the server's data the local data comes from; both null before the first pull. */
export interface KnownHistory {
  historyId: string | null;
  checkpoint: Checkpoint | null;
}

/** What happens on the connection. */
export interface ConnectionListener {
  onConnecting(): void;
  onUp(hello: Hello): void;
  onPong(sentAt: number, told: Told): void;
  onChanges(timestamp: Timestamp, deviceId: string): void;
  /** @param why null when this client closed it */
  onDown(why: SyncError | null): void;
}

/** Keeps one live connection to the server between `open` and `close`: reconnects, and renews the token in time. */
export class Connection {
  /** The server's messages about documents. */
  readonly documents = new DocumentFeed();
  private link: Link | null = null;
  private isWanted = false;
  private isForeground = true;
  /** When the app went to the background, by the stopwatch. */
  private leftAt = 0;
  private failures = 0;
  /** Counts the attempts to connect, so that late results of an older attempt are ignored. */
  private attempt = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  /** The access token that the server refused last; it is renewed before the next attempt. */
  private refusedToken: string | null = null;

  constructor(
    private readonly api: Api,
    private readonly known: () => Promise<KnownHistory>,
    private readonly schemaVersion: number,
    private readonly stopwatch: () => number,
    private readonly listener: ConnectionListener,
  ) {}

  /** Connects, unless it is connected or connecting already. Ends a wait for the next attempt. */
  open(): void {
    if (this.isWanted && this.retryTimer === undefined) return;
    this.isWanted = true;
    this.failures = 0;
    void this.connect();
  }

  /** Disconnects, and does not reconnect until `open`. */
  close(): void {
    if (!this.isWanted) return;
    this.isWanted = false;
    this.drop();
    this.listener.onDown(null);
  }

  /** In the foreground the connection is tested by a ping every second. */
  setForeground(isForeground: boolean): void {
    if (isForeground === this.isForeground) return;
    this.isForeground = isForeground;
    const now = this.stopwatch();
    if (!isForeground) this.leftAt = now;
    // A phone silently drops the connections of an app that sleeps.
    if (isForeground && this.link && now - this.leftAt > SLEEP_MS) void this.connect();
    else this.link?.setPinging(isForeground);
  }

  private drop(): void {
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    clearTimeout(this.renewTimer);
    this.retryTimer = undefined;
    this.link?.close();
    this.link = null;
  }

  private async connect(): Promise<void> {
    this.drop();
    const { attempt } = this;
    this.listener.onConnecting();
    try {
      const credentials = await this.usableCredentials();
      const known = await this.known();
      if (attempt !== this.attempt) return;
      this.link = this.dial(credentials, known);
    } catch (error) {
      if (attempt === this.attempt) this.fail(toSyncError(error));
    }
  }

  private async usableCredentials(): Promise<Credentials> {
    const credentials = await this.api.freshCredentials();
    return credentials.accessToken === this.refusedToken ? this.api.refresh(credentials) : credentials;
  }

  private dial(credentials: Credentials, { historyId, checkpoint }: KnownHistory): Link {
    const handshake = {
      access_token: credentials.accessToken,
      protocol_version: PROTOCOL_VERSION,
      schema_version: this.schemaVersion,
      history_id: historyId,
      checkpoint,
    };
    const link = new Link(this.api.serverUrl, handshake, this.stopwatch, {
      onHello: (hello) => {
        this.failures = 0;
        this.refusedToken = null;
        this.api.stalls.reset();
        if (hello.token_expires_at !== null) this.renewBefore(hello.token_expires_at);
        this.listener.onUp(hello);
        this.documents.tell({ type: 'connected' });
      },
      onPong: this.listener.onPong,
      onChanges: this.listener.onChanges,
      onDocument: (news) => this.documents.tell(news),
      onEnd: (why) => this.end(why, credentials.accessToken),
    });
    link.setPinging(this.isForeground);
    return link;
  }

  private end(why: SyncError, token: string): void {
    const isFirstRefusal = this.refusedToken === null;
    if (why.isStaleToken) this.refusedToken = token;
    if (why.isStaleToken && isFirstRefusal) void this.connect();
    else this.fail(why);
  }

  private fail(why: SyncError): void {
    this.drop();
    this.listener.onDown(why);
    if (!this.isWanted) return;
    // Another attempt would fail the same way, so wait for the next call of `open`.
    if (why.isIncompatible || why.failure.isFinal) {
      this.isWanted = false;
      return;
    }
    this.retryTimer = setTimeout(() => void this.connect(), this.waitingTime(why));
    this.failures += 1;
  }

  private waitingTime(why: SyncError): number {
    if (why.code === 'TOO_MANY_CONNECTIONS') return REPLACED_WAIT_MS;
    const max = this.failures < LONG_AWAY ? MAX_WAIT_MS : LONG_WAIT_MS;
    const wait = Math.min(FIRST_WAIT_MS * WAIT_FACTOR ** this.failures, max);
    // Jittered, or all devices would reconnect at the same moment.
    return Math.max(why.retryAfterMs ?? 0, wait * (0.75 + Math.random() / 2));
  }

  private renewBefore(expiresAt: number): void {
    const left = expiresAt - this.api.now();
    const wait = Math.min(Math.max(left * RENEW_AT, MIN_RENEW_MS), 2 ** 31 - 1);
    this.planRenewal(left, wait, expiresAt);
  }

  private planRenewal(left: number, wait: number, expiresAt: number): void {
    clearTimeout(this.renewTimer);
    // The token looks expired; if this device's clock is ahead, every token does. The server closes the connection when
    // the token really expires, and the next handshake brings a fresh one.
    if (left <= 0) return;
    const { attempt } = this;
    this.renewTimer = setTimeout(() => void this.renew(attempt, expiresAt), wait);
  }

  private async renew(attempt: number, oldExpiresAt: number): Promise<void> {
    try {
      const { accessToken } = await this.api.refresh(await this.api.freshCredentials());
      if (attempt !== this.attempt || !this.link) return;
      const expiresAt = await this.link.renewToken(accessToken);
      if (attempt === this.attempt) this.renewBefore(expiresAt);
    } catch {
      // The old token is still valid for a while. When it expires, the server closes the connection.
      if (attempt !== this.attempt) return;
      const left = oldExpiresAt - this.api.now();
      this.planRenewal(left, Math.min(Math.max(left / 2, MIN_RENEW_MS), MAX_RENEW_RETRY_MS), oldExpiresAt);
    }
  }
}
