import type { Database } from '@nozbe/watermelondb';
import {
  synchronize,
  type SyncConflictResolver,
  type SyncPullArgs,
  type SyncPullResult,
  type SyncPushArgs,
  type SyncPushResult,
} from '@nozbe/watermelondb/sync/index.js';

/** What this device signs in with. */
export interface Session {
  account_id: string;
  device_id: string;
  access_token: string;
  refresh_token: string;
  /** When the access token stops working, epoch ms. */
  expires_at: number;
}

/** Keeps the session between two starts of the app: expo-secure-store, the Keychain, localStorage. */
export interface SessionStore {
  read(): Promise<Session | null>;
  write(session: Session): Promise<void>;
}

export interface SyncOptions {
  database: Database;
  /** The API's address, such as `https://sync.example.org/api/v1`. */
  url: string;
  store: SessionStore;
  conflictResolver?: SyncConflictResolver;
  /** How long one request may take, the first pull of a large account included; default two minutes. */
  timeoutMs?: number;
  fetch?: typeof fetch;
}

interface RequestParts {
  query?: Record<string, string | number | null | undefined>;
  body?: unknown;
}

/** Why a request failed: `code` is for the program, `message` and `hint` are for people. */
export class SyncError extends Error {
  override readonly name = 'SyncError';

  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
    /** The HTTP status; 0 when there was no usable answer. */
    readonly status = 0,
    /** The whole problem+json answer. */
    readonly problem: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

const HISTORY_KEY = 'tidemark_history_id';
const CHECKPOINT_KEY = 'tidemark_checkpoint';
const EXPIRES_SOON_MS = 30_000;

/** Keeps one WatermelonDB database in step with a Tidemark server. Make one per database and keep it. */
export class TidemarkSync {
  private running?: Promise<void>;
  private queued?: Promise<void>;
  private refreshing?: Promise<Session>;
  /** Whether the newest session looked expired when it came: this device's clock is ahead, so only the server can tell. */
  private isClockAhead = false;

  constructor(private readonly options: SyncOptions) {}

  /** Signs this device in: to the account that made `pairing_code`, or without a code to a new one. */
  async signIn(device: { name?: string; platform?: string; pairing_code?: string } = {}): Promise<Session> {
    const session = await this.send<Session>('POST', '/auth/devices', { body: device });
    await this.keep(session);
    return session;
  }

  /** Makes a code with which one more device can sign in to this account, once and for ten minutes. */
  createPairingCode(): Promise<{ code: string; expires_at: number }> {
    return this.request('POST', '/auth/pairing-codes');
  }

  /** Pulls, then pushes. Asked again meanwhile, it runs once more afterwards, so that no change stays behind. */
  sync(): Promise<void> {
    if (this.running) {
      this.queued ??= this.running
        .catch(() => undefined)
        .then(() => {
          this.queued = undefined;
          return this.sync();
        });
      return this.queued;
    }
    this.running = this.pullAndPush()
      .catch((error: unknown) => {
        if (!(error instanceof SyncError) || error.code !== 'PUSH_CONFLICT') throw error;
        return this.pullAndPush(); // its pull merges what others pushed in between
      })
      .finally(() => (this.running = undefined));
    return this.running;
  }

  private pullAndPush(): Promise<void> {
    return synchronize({
      database: this.options.database,
      pullChanges: (args) => this.pull(args),
      pushChanges: (args) => this.push(args),
      conflictResolver: this.options.conflictResolver,
      sendCreatedAsUpdated: true,
      migrationsEnabledAtVersion: 1, // needs `migrations` in the adapter; an empty list will do
    });
  }

  // The answer is handed on whole, for WatermelonDB acts on an `experimentalStrategy` in it.
  private async pull({ lastPulledAt, schemaVersion, migration }: SyncPullArgs): Promise<SyncPullResult> {
    const { localStorage } = this.options.database;
    const answer = await this.request<SyncPullResult & { history_id: string; checkpoint?: string }>(
      'GET',
      '/sync/pull',
      {
        query: {
          last_pulled_at: lastPulledAt,
          schema_version: schemaVersion,
          migration: migration && JSON.stringify(migration),
          history_id: lastPulledAt && (await localStorage.get<string>(HISTORY_KEY)),
          checkpoint: lastPulledAt && (await localStorage.get<string>(CHECKPOINT_KEY)),
          replacement: 1,
        },
      },
    );
    // From the first pull on this database belongs to that history; the server refuses any other one.
    if (!lastPulledAt) {
      await localStorage.set(HISTORY_KEY, answer.history_id);
      await localStorage.remove(CHECKPOINT_KEY); // of an earlier first pull that was interrupted
    }
    await this.noteCheckpoint(answer);
    return answer;
  }

  // The answer's `timestamp` must never become last_pulled_at: other devices' changes may lie below it. WatermelonDB
  // reads nothing but `experimentalRejectedIds` in it, and keeps those rows unsynced.
  private async push({ changes, lastPulledAt }: SyncPushArgs): Promise<SyncPushResult> {
    const { localStorage, schema } = this.options.database;
    const answer = await this.request<SyncPushResult & { checkpoint?: string }>('POST', '/sync/push', {
      query: {
        schema_version: schema.version,
        history_id: await localStorage.get<string>(HISTORY_KEY),
        checkpoint: await localStorage.get<string>(CHECKPOINT_KEY),
      },
      body: { changes, last_pulled_at: lastPulledAt },
    });
    await this.noteCheckpoint(answer);
    return answer;
  }

  /** Keeps the newest checkpoint: sent along, it shows a server whose data was put back that something is missing. */
  private async noteCheckpoint({ checkpoint }: { checkpoint?: string }): Promise<void> {
    if (!checkpoint) return; // an older server
    const { localStorage } = this.options.database;
    const known = (await localStorage.get<string>(CHECKPOINT_KEY)) ?? '0';
    // `<stamp>-<mark>`: the greater stamp is the newer one.
    if (parseInt(checkpoint, 10) > parseInt(known, 10)) await localStorage.set(CHECKPOINT_KEY, checkpoint);
  }

  /** One request as this device, with a fresh access token where the old one has run out. */
  private async request<T>(method: string, path: string, parts: RequestParts = {}): Promise<T> {
    let session = await this.options.store.read();
    if (!session) throw notSignedIn();
    if (!this.isClockAhead && looksOver(session)) session = await this.refresh(session);
    try {
      return await this.send<T>(method, path, parts, session);
    } catch (error) {
      if (!(error instanceof SyncError) || error.status !== 401 || error.code === 'DEVICE_REVOKED')
        throw error;
      return this.send<T>(method, path, parts, await this.refresh(session));
    }
  }

  /** Renews the tokens, once for all requests that need it at the same time. */
  private refresh(used: Session): Promise<Session> {
    this.refreshing ??= this.exchange(used).finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async exchange(used: Session): Promise<Session> {
    const { store } = this.options;
    const stored = await store.read();
    if (stored && stored.access_token !== used.access_token) return stored; // another request was faster
    const body = { refresh_token: used.refresh_token };
    const session = { ...used, ...(await this.send<Partial<Session>>('POST', '/auth/token', { body })) };
    const current = await store.read();
    // Signed in anew, or out, during the request: what came late replaces nothing.
    if (!current) throw notSignedIn();
    if (current.refresh_token !== used.refresh_token) return current;
    await this.keep(session);
    return session;
  }

  private async keep(session: Session): Promise<void> {
    this.isClockAhead = looksOver(session);
    await this.options.store.write(session);
  }

  private async send<T>(method: string, path: string, parts: RequestParts, session?: Session): Promise<T> {
    const query = Object.entries(parts.query ?? {})
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`);
    const headers: Record<string, string> = {};
    if (session) headers.authorization = `Bearer ${session.access_token}`;
    if (parts.body) headers['content-type'] = 'application/json';

    const abort = new AbortController(); // without it a half-open connection would hold up every later sync
    const timer = setTimeout(() => abort.abort(), this.options.timeoutMs ?? 120_000);
    let response: Response;
    let answer: unknown;
    try {
      response = await (this.options.fetch ?? fetch)(`${this.options.url}${path}?${query.join('&')}`, {
        method,
        headers,
        body: parts.body ? JSON.stringify(parts.body) : undefined,
        signal: abort.signal,
      });
      answer = await response.json();
    } catch (cause) {
      const hint = 'Nothing is lost; sync again when there is a connection.';
      throw new SyncError('NO_ANSWER', `No usable answer from the server: ${String(cause)}`, hint);
    } finally {
      clearTimeout(timer);
    }
    if (response.ok) return answer as T;
    const problem = (answer ?? {}) as Record<string, string>;
    const { code = 'HTTP_ERROR', detail = `HTTP ${response.status}`, hint = '' } = problem;
    throw new SyncError(code, detail, hint, response.status, problem);
  }
}

function looksOver(session: Session): boolean {
  return session.expires_at < Date.now() + EXPIRES_SOON_MS;
}

function notSignedIn(): SyncError {
  return new SyncError('NOT_SIGNED_IN', 'Not signed in.', 'Call signIn() first.');
}
