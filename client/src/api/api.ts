import { type Credentials, type CredentialStore } from './credentials.js';
import { StallWatch } from '../light/stall-watch.js';
import { SyncError } from './sync-error.js';
import type { HttpRequest, Transport } from './transport.js';

/** The path prefix of the API. */
const PREFIX = '/api/v1';
/** Tokens that look expired are renewed at most this often: if this device's clock is ahead, every token does. */
const EAGER_REFRESH_MS = 600_000;

/** The parts of a request besides its method and path. */
export interface RequestParts {
  query?: Record<string, string | number | null | undefined>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent unchanged, in place of `body`. */
  content?: Blob;
  headers?: Record<string, string>;
  /** The server may be silent at least this long before the request is aborted; default: `StallWatch` decides. */
  patienceMs?: number;
  signal?: AbortSignal;
  onSent?: HttpRequest['onSent'];
  onHeaders?: HttpRequest['onHeaders'];
  onReceived?: HttpRequest['onReceived'];
}

interface TokenAnswer {
  account_id: string;
  device_id: string;
  access_token: string;
  refresh_token: string;
  expires_at: number;
}

/** Makes requests as this device: renews expired tokens, and aborts requests that stall. */
export class Api {
  readonly stalls = new StallWatch();
  private refreshing: Promise<Credentials> | null = null;
  private refreshedAt = -Infinity;
  private isClosed = false;

  /** @param serverUrl the server's origin; empty: none is set yet */
  constructor(
    public serverUrl: string,
    private readonly credentials: CredentialStore,
    private readonly transport: Transport,
    /** Epoch ms. */
    readonly now: () => number = Date.now,
  ) {}

  /** Makes a request as this device. @throws SyncError */
  async request<T>(method: string, path: string, parts: RequestParts = {}): Promise<T> {
    const credentials = await this.freshCredentials();
    try {
      return await this.send<T>(method, path, parts, credentials);
    } catch (error) {
      if (!(error instanceof SyncError) || !error.isStaleToken) throw error;
      return this.send<T>(method, path, parts, await this.refresh(credentials));
    }
  }

  /**
   * Registers this installation: in a new account, or in the account that made the pairing code. Stores nothing.
   * @throws SyncError
   */
  async register(
    device: { name: string; platform: string; pairingCode?: string },
    signal?: AbortSignal,
  ): Promise<Credentials> {
    const { name, platform, pairingCode } = device;
    const body = { name, platform, pairing_code: pairingCode };
    return toCredentials(await this.send<TokenAnswer>('POST', '/auth/devices', { body, signal }));
  }

  /** The stored credentials, renewed first if the access token looks expired. @throws SyncError */
  async freshCredentials(): Promise<Credentials> {
    const credentials = await this.signedIn();
    return this.seemsOver(credentials) ? this.refresh(credentials) : credentials;
  }

  /**
   * Renews the tokens. Callers that ask at the same time share one renewal.
   * @param used the credentials that were refused, or expire soon
   * @throws SyncError
   */
  refresh(used: Credentials): Promise<Credentials> {
    if (this.isClosed) return Promise.reject(SyncError.of('CANCELED', 'This client is closed.'));
    this.refreshing ??= this.exchange(used).finally(() => (this.refreshing = null));
    return this.refreshing;
  }

  /** Renews no more tokens; resolves when those on the way are stored. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.refreshing?.catch(() => undefined);
  }

  private async signedIn(): Promise<Credentials> {
    const credentials = await this.credentials.read();
    if (!credentials) throw SyncError.of('NOT_SIGNED_IN', 'This device is not registered yet.');
    return credentials;
  }

  private seemsOver(credentials: Credentials): boolean {
    const now = this.now();
    return credentials.expiresAt <= now && Math.abs(now - this.refreshedAt) > EAGER_REFRESH_MS;
  }

  private async exchange(used: Credentials): Promise<Credentials> {
    const stored = await this.signedIn();
    if (stored.accessToken !== used.accessToken) return stored; // another request has renewed them already
    const body = { refresh_token: stored.refreshToken };
    const fresh = toCredentials(await this.send<TokenAnswer>('POST', '/auth/token', { body }));
    const current = await this.credentials.read();
    // This device may have joined another account during the request.
    if (current?.refreshToken === stored.refreshToken) await this.credentials.write(fresh);
    this.refreshedAt = this.now();
    return fresh;
  }

  private async send<T>(
    method: string,
    path: string,
    parts: RequestParts,
    credentials?: Credentials,
  ): Promise<T> {
    if (this.serverUrl === '') throw SyncError.of('NO_ANSWER', 'No server is set.');
    if (parts.signal?.aborted) throw SyncError.of('CANCELED', 'Called off.');
    const { content, body: json } = parts;
    const body = content ?? (json === undefined ? undefined : JSON.stringify(json));
    const headers: Record<string, string> = { ...parts.headers };
    if (credentials) headers.authorization = `Bearer ${credentials.accessToken}`;
    if (json !== undefined) headers['content-type'] = 'application/json';

    const abort = new AbortController();
    const cancel = (): void => abort.abort();
    parts.signal?.addEventListener('abort', cancel);
    const sentLength = content?.size ?? (body as string | undefined)?.length ?? 0;
    const watch = this.stalls.watch(sentLength, cancel, parts.patienceMs);
    try {
      const answer = await this.transport({
        method,
        url: this.serverUrl + PREFIX + path + queryOf(parts.query),
        headers,
        body,
        signal: abort.signal,
        onSent: (...sent) => (watch.moved(), parts.onSent?.(...sent)),
        onHeaders: (header) => (watch.moved(), parts.onHeaders?.(header)),
        onReceived: (...received) => (watch.moved(), parts.onReceived?.(...received)),
      });
      const isOk = answer.status >= 200 && answer.status < 300;
      const parsed: unknown = isOk && answer.body === '' ? undefined : JSON.parse(answer.body);
      this.stalls.reset();
      if (isOk) return parsed as T;
      throw SyncError.from(parsed ?? {}, answer.status);
    } catch (error) {
      if (error instanceof SyncError) throw error;
      if (parts.signal?.aborted) throw SyncError.of('CANCELED', 'Called off.');
      if (watch.hasStalled) throw SyncError.of('STALLED', 'The server stopped answering.');
      throw SyncError.of('NO_ANSWER', 'The server could not be reached.');
    } finally {
      watch.end();
      parts.signal?.removeEventListener('abort', cancel);
    }
  }
}

function queryOf(query: RequestParts['query'] = {}): string {
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

function toCredentials(answer: TokenAnswer): Credentials {
  return {
    accountId: answer.account_id,
    deviceId: answer.device_id,
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token,
    expiresAt: answer.expires_at,
  };
}
