import type { LiveChanges, LiveHello, LivePong, LiveRole } from '../../../../src/protocol/documents.js';
import { SyncError, toSyncError } from '../../api/sync-error.js';
import type { StatusLight } from '../../light/light.js';
import type { DocumentRef, DocumentsApi, Grant, LockRequest } from '../documents-api.js';
import type { Download } from '../copy/copy-host.js';
import { endingOf, waitAfter } from './endings.js';
import { handshakeOf } from './handshake.js';
import { LiveLink, type LockLoss } from './live-link.js';
import type { LocalCopy } from './local-copy.js';
import { anotherEpoch, WATCHING } from './reasons.js';
import { RunProgress } from './run-progress.js';
import { Sender } from './sender.js';

/** What a session is about. */
export interface SessionParts {
  ref: DocumentRef;
  /** The server's origin. */
  server: string;
  sessionId: string;
  /** A valid access token. */
  token: (asked: { isRefused: boolean }) => Promise<string>;
  api: DocumentsApi;
  copy: LocalCopy;
  light: StatusLight;
  stopwatch: () => number;
}

interface Waiting {
  resolve: () => void;
  reject: (why: SyncError) => void;
}

/** The share of a token's remaining life after which it is renewed. */
const RENEW_AT = 0.7;

/** Keeps this tab's copy in step with the server: connects and connects again, holds the lock or only watches. */
export class LiveSession {
  private wanted: LiveRole | null = null;
  private grant: Grant | null = null;
  private link: LiveLink | null = null;
  private role: LiveRole | null = null;
  /** Counts the attempts to connect, so that late results of an older attempt are ignored. */
  private attempt = 0;
  private failures = 0;
  private wasTokenRefused = false;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  /** Who waits until there is a copy. */
  private readonly waiting: Waiting[] = [];
  private readonly progress: RunProgress;
  private readonly sender: Sender;

  constructor(private readonly parts: SessionParts) {
    this.progress = new RunProgress(parts.light);
    this.sender = new Sender(parts.copy, parts.light, this.progress, (why) =>
      this.loseLock(why.message, 'refused'),
    );
  }

  /** Whether this session holds the lock, as far as it knows. */
  get isHolder(): boolean {
    return this.grant !== null;
  }

  /**
   * Takes the lock, and connects; resolves when the document can be written.
   * @throws SyncError LOCK_HELD another user holds it
   */
  async hold(request: Omit<LockRequest, 'sessionId'>): Promise<void> {
    const { api, ref, sessionId, light } = this.parts;
    this.grant = await api.requestLock(ref, { ...request, sessionId });
    this.wanted = 'holder';
    light.tell({ type: 'obstacle', reason: null });
    if (this.link && this.role) await this.becomeHolder(this.link, this.grant);
    else this.start();
    await this.untilCopied();
  }

  /** Releases the lock, when what is pending is sent, and watches. @throws SyncError */
  async release(): Promise<void> {
    const { api, ref, sessionId } = this.parts;
    await this.sender.ended();
    const token = this.grant?.fencing_token;
    this.wanted = 'watcher';
    this.grant = null;
    if (this.role) this.takeRole('watcher');
    this.sender.stop();
    if (token !== undefined) await api.unlock(ref, sessionId, token);
  }

  /** Connects without the lock; resolves when there is a copy to look at. @throws SyncError */
  async watch(): Promise<void> {
    this.wanted ??= 'watcher';
    if (!this.link) this.start();
    await this.untilCopied();
  }

  /** Ends a wait for the next attempt: the network may be back. */
  readonly retryNow = (): void => {
    if (this.retryTimer !== undefined) void this.connect();
  };

  /** Sends what was written. */
  readonly send = (): void => {
    if (this.link && this.role === 'holder') this.sender.start(this.link);
  };

  /** Replaces the copy by the server's document. @throws SyncError */
  async startOver(pending: Download['pending']): Promise<void> {
    const wanted = this.wanted;
    this.close();
    await this.download(pending);
    this.wanted = wanted;
    if (wanted) this.start();
  }

  /** Disconnects. */
  close(): void {
    this.wanted = null;
    this.drop();
    this.parts.light.tell({ type: 'link_down', failure: null });
    this.answer(({ reject }) =>
      reject(SyncError.of('CANCELED', 'The document was closed, or started over.')),
    );
  }

  private async untilCopied(): Promise<void> {
    if (this.parts.copy.state) return;
    await new Promise<void>((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  private answer(one: (waiting: Waiting) => void): void {
    for (const waiting of this.waiting.splice(0)) one(waiting);
  }

  private start(): void {
    const { light, copy } = this.parts;
    this.failures = 0;
    this.wasTokenRefused = false;
    light.tell({ type: 'reset', lastPulledAt: copy.state?.since.version ?? null, checkpoint: null });
    void this.connect();
  }

  private drop(): void {
    this.attempt += 1;
    clearTimeout(this.retryTimer);
    clearTimeout(this.renewTimer);
    this.retryTimer = undefined;
    this.sender.stop();
    this.link?.close();
    this.link = null;
    this.role = null;
  }

  private async connect(): Promise<void> {
    this.drop();
    const { attempt } = this;
    const { copy, light, token } = this.parts;
    light.tell({ type: 'link_connecting' });
    try {
      // Another attempt may have downloaded it meanwhile, and something may be written already.
      if (!copy.state) await this.download('replay');
      if (this.wanted === 'holder') this.grant ??= await this.askAgain();
      const accessToken = await token({ isRefused: this.wasTokenRefused });
      if (attempt === this.attempt) this.link = this.dial(accessToken);
    } catch (error) {
      if (attempt === this.attempt) this.end(toSyncError(error));
    }
  }

  /** Asks for the lock that was lost while away. @returns null: it is another's by now; then this session watches */
  private async askAgain(): Promise<Grant | null> {
    const { api, ref, sessionId } = this.parts;
    // Asked for, the lock would be taken from the same user's other tabs.
    const { lock } = await api.state(ref);
    if (!lock || lock.holder.session_id === sessionId)
      return api.requestLock(ref, { sessionId, takesOver: false });
    this.loseLock(`${lock.holder.name} holds the lock${lock.reason ? `: ${lock.reason}` : ''}.`, 'taken');
    return null;
  }

  private dial(accessToken: string): LiveLink {
    const { ref, server, sessionId, copy, stopwatch } = this.parts;
    const url = new URL(`/videos/${ref.video_id}/sync/${ref.database}`, server).href;
    const fencingToken = this.grant?.fencing_token ?? null;
    const handshake = handshakeOf(copy.state!, { accessToken, sessionId, fencingToken });
    return new LiveLink(url, handshake, stopwatch, {
      onHello: (hello) => this.greet(hello),
      onPong: (sentAt, pong) => this.hearPong(sentAt, pong),
      onChanges: (changes, body) => this.apply(changes, body),
      onLockLost: (reason, how) => this.loseLock(reason, how),
      onEnd: (why) => this.end(why),
    });
  }

  private greet(hello: LiveHello): void {
    const { copy, light } = this.parts;
    const { epoch, serverSiteId } = copy.state!;
    if (hello.epoch !== epoch || hello.server_site_id !== serverSiteId) return this.end(anotherEpoch());
    this.failures = 0;
    this.wasTokenRefused = false;
    this.takeRole(hello.role);
    light.tell({ type: 'link_up', timestamp: hello.server_version });
    light.tell({ type: 'pulled', timestamp: copy.state!.since.version });
    this.progress.expect(hello.ahead);
    this.renewTokenBefore(hello.token_expires_at);
    this.settle();
    this.send();
  }

  private hearPong(sentAt: number, { epoch, server_version }: LivePong): void {
    if (epoch !== this.parts.copy.state!.epoch) return this.end(anotherEpoch());
    this.parts.light.tell({ type: 'pong', sentAt, timestamp: server_version });
  }

  private async apply(
    { from, to, mark, rows_left, bytes_left }: LiveChanges,
    body: Uint8Array,
  ): Promise<{ up_to: number }> {
    const { copy, light } = this.parts;
    light.tell({ type: 'heard', timestamp: to });
    await copy.apply(from, { to, mark, body });
    light.tell({ type: 'pulled', timestamp: copy.state!.since.version });
    this.progress.received(rows_left, bytes_left, body.length);
    if (rows_left === 0) this.settle();
    return { up_to: to };
  }

  private settle(): void {
    const { copy, light } = this.parts;
    const isBehind = light.facts.serverClock > copy.state!.since.version;
    // What is pending does not go while this tab watches, so nothing more is to come of this run.
    if (!isBehind && (copy.state!.pending === 0 || this.role === 'watcher'))
      light.tell({ type: 'sync_succeeded', wall: Date.now() });
  }

  private async becomeHolder(link: LiveLink, grant: Grant): Promise<void> {
    const role = await link.hold(grant.fencing_token);
    if (link === this.link) this.takeRole(role);
    this.send();
  }

  /** What is pending cannot go while this tab watches: the light must not say that it is on its way. */
  private takeRole(role: LiveRole): void {
    const { light } = this.parts;
    this.role = role;
    if (role === 'holder') light.tell({ type: 'obstacle', reason: null });
    else if (light.facts.obstacle === null) light.tell({ type: 'obstacle', reason: WATCHING });
  }

  /** @param how `taken`: by somebody, or given back; `refused`: who has it is told soon */
  private loseLock(message: string, how: LockLoss): void {
    this.grant = null;
    this.role = this.role && 'watcher';
    this.sender.stop();
    if (how === 'taken') this.wanted = 'watcher';
    this.parts.light.tell({ type: 'obstacle', reason: { ...WATCHING, message } });
    if (how === 'expired' && this.wanted === 'holder') void this.connect();
  }

  private async download(pending: Download['pending']): Promise<void> {
    const { api, ref, copy, light } = this.parts;
    const { url, epoch, version, mark } = await api.downloadAddress(ref);
    light.tell({ type: 'sync_started' });
    await copy.download({ url, epoch, version, mark, pending }, this.progress.downloaded);
    light.tell({ type: 'reset', lastPulledAt: version, checkpoint: null });
    light.tell({ type: 'link_connecting' });
    this.answer(({ resolve }) => resolve());
  }

  private end(why: SyncError): void {
    const { copy, light } = this.parts;
    this.drop();
    if (!this.wanted) return;
    const ending = endingOf(why, copy.state?.schemaVersion ?? 0, this.wasTokenRefused);
    if (ending === 'fresh_token') this.wasTokenRefused = true;
    if (ending === 'watch') this.grant = null;
    const mustAsk = ending === 'download' && (copy.state?.pending ?? 0) > 0;
    if (ending === 'stop' || mustAsk) return this.stop(why);
    light.tell({ type: 'link_down', failure: why.failure });
    this.failures += 1;
    const wait = waitAfter(this.failures, why.retryAfterMs);
    light.tell({ type: 'sync_failed', failure: why.failure, nextTryWall: Date.now() + wait });
    const isAtOnce = ending !== 'retry' && this.failures === 1;
    this.retryTimer = setTimeout(
      () => void (ending === 'download' ? this.replace() : this.connect()),
      isAtOnce ? 0 : wait,
    );
  }

  private async replace(): Promise<void> {
    const { attempt } = this;
    try {
      // Nothing was pending; what is written until the new copy is there is taken over.
      await this.download('replay');
      if (attempt === this.attempt) await this.connect();
    } catch (error) {
      if (attempt === this.attempt) this.end(toSyncError(error));
    }
  }

  private stop(why: SyncError): void {
    const { light } = this.parts;
    const failure = { ...why.failure, isFinal: true };
    light.tell({ type: 'link_down', failure: why.code === 'ENGINE_FAILED' ? failure : null });
    if (why.code !== 'ENGINE_FAILED') light.tell({ type: 'incompatible', reason: why.reason });
    this.answer(({ reject }) => reject(why));
  }

  private renewTokenBefore(expiresAt: number): void {
    const { link } = this;
    const wait = Math.min(Math.max((expiresAt - Date.now()) * RENEW_AT, 1_000), 2 ** 31 - 1);
    this.renewTimer = setTimeout(() => {
      const renew = async (): Promise<void> =>
        this.renewTokenBefore(await link!.renewToken(await this.parts.token({ isRefused: false })));
      // If it fails, the server closes the connection when the token expires, and the next one brings a fresh token.
      if (link === this.link) renew().catch(() => undefined);
    }, wait);
  }
}
