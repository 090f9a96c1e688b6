import type { Socket } from 'socket.io-client';
import type {
  ClientEvents,
  DeviceHandshake,
  Hello,
  ServerEvents,
  SocketAnswer,
} from '../../../src/protocol/events.js';
import type { Timestamp } from '../../../src/protocol/sync.js';
import type { Told } from '../light/facts.js';
import type { DocumentNews } from './document-feed.js';
import { SyncError } from '../api/sync-error.js';
import { dial, lost, refusal, silent } from './dial.js';

/** How long the handshake may take, hello included. */
const HANDSHAKE_MS = 3_000;
const PING_EVERY_MS = 1_000;
/** After a ping without an answer for this long, the connection counts as dead. */
const SILENCE_MS = 3_500;
/** The WebSocket close code for a frame larger than the server accepts. */
const TOO_LARGE = 1009;

/** What happens on a link. */
export interface LinkListener {
  onHello(hello: Hello): void;
  /** @param sentAt when the ping left, by the stopwatch */
  onPong(sentAt: number, told: Told): void;
  onChanges(timestamp: Timestamp, deviceId: string): void;
  onDocument(news: DocumentNews): void;
  /** The link has ended. Called once for any reason except `close`. */
  onEnd(why: SyncError): void;
}

/** One live connection to the server, from its handshake to its end; it does not reconnect. */
export class Link {
  private readonly socket: Socket<ServerEvents, ClientEvents>;
  private readonly handshakeTimer: ReturnType<typeof setTimeout>;
  private pingTimer: ReturnType<typeof setInterval> | null = null;
  private count = 0;
  /** When each unanswered ping was sent, by its number. */
  private readonly unanswered = new Map<number, number>();
  private isPinging = false;
  private isUp = false;
  private isOver = false;

  constructor(
    serverUrl: string,
    handshake: DeviceHandshake,
    private readonly stopwatch: () => number,
    private readonly listener: LinkListener,
  ) {
    this.socket = dial(serverUrl, handshake, HANDSHAKE_MS);
    this.handshakeTimer = setTimeout(() => this.end(silent()), HANDSHAKE_MS);
    this.socket.on('connect_error', (error) => this.end(refusal(error)));
    this.socket.on('disconnect', (_, details) => this.end(lossOf(details)));
    this.socket.on('hello', (hello) => this.greet(hello));
    this.socket.on('changes', ({ timestamp, device_id }) => {
      if (!this.isOver) listener.onChanges(timestamp, device_id);
    });
    const tell = (news: DocumentNews): void => {
      if (!this.isOver) listener.onDocument(news);
    };
    this.socket.on('lock_changed', (event) => tell({ type: 'lock_changed', event }));
    this.socket.on('session_transferred', (event) => tell({ type: 'session_transferred', event }));
    this.socket.on('document_changed', (event) => tell({ type: 'document_changed', event }));
    this.socket.on('closed', (problem) => this.end(SyncError.from(problem)));
  }

  /** Starts sending a ping every second, the first one now, or stops. */
  setPinging(isPinging: boolean): void {
    this.isPinging = isPinging;
    if (this.pingTimer) clearInterval(this.pingTimer);
    this.pingTimer = null;
    this.unanswered.clear();
    if (!isPinging || !this.isUp || this.isOver) return;
    this.pingTimer = setInterval(() => this.ping(), PING_EVERY_MS);
    this.ping();
  }

  /** Sends a fresh access token of the same device. @returns when it expires, epoch ms. @throws SyncError */
  async renewToken(accessToken: string): Promise<number> {
    const answer = await new Promise<SocketAnswer<{ token_expires_at: number }>>((resolve, reject) => {
      this.socket.timeout(SILENCE_MS).emit('token', { access_token: accessToken }, (error, accepted) => {
        if (error) reject(silent());
        else resolve(accepted);
      });
    });
    if ('problem' in answer) throw SyncError.from(answer.problem);
    return answer.token_expires_at;
  }

  /** Disconnects without calling the listener. */
  close(): void {
    this.isOver = true;
    clearTimeout(this.handshakeTimer);
    if (this.pingTimer) clearInterval(this.pingTimer);
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  private greet(hello: Hello): void {
    if (this.isOver) return;
    clearTimeout(this.handshakeTimer);
    this.isUp = true;
    this.listener.onHello(hello);
    this.setPinging(this.isPinging);
  }

  private ping(): void {
    const sentAt = this.stopwatch();
    const [oldest] = this.unanswered.values();
    if (oldest !== undefined && sentAt - oldest > SILENCE_MS) return this.end(silent());
    this.count += 1;
    const n = this.count;
    this.unanswered.set(n, sentAt);
    this.socket.emit('ping', { n }, (answer) => {
      if (this.isOver) return;
      if ('problem' in answer) return this.end(SyncError.from(answer.problem));
      this.unanswered.delete(n);
      if (answer.n === n) this.listener.onPong(sentAt, answer);
    });
  }

  private end(why: SyncError): void {
    if (this.isOver) return;
    this.close();
    this.listener.onEnd(why);
  }
}

function lossOf(details: unknown): SyncError {
  const { context } = (details ?? {}) as { context?: { code?: number } };
  if (context?.code !== TOO_LARGE) return lost();
  return SyncError.of('FRAME_TOO_LARGE', 'This device sent more at once than the server takes.');
}
