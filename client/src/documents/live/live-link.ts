import type { Socket } from 'socket.io-client';
import {
  LIVE_LIMITS,
  type ChangesApplied,
  type LiveChanges,
  type LiveClientEvents,
  type LiveHandshake,
  type LiveHello,
  type LivePong,
  type LiveRole,
  type LiveServerEvents,
  type SyncAccepted,
} from '../../../../src/protocol/documents.js';
import type { Problem } from '../../../../src/protocol/errors.js';
import { SyncError } from '../../api/sync-error.js';
import { dial, lost, refusal, silent } from '../../connection/dial.js';
import { Mutex } from '../../mutex.js';

/** How long the handshake may take, hello included; the server may have to open the document first. */
const HANDSHAKE_MS = 10_000;
const PING_EVERY_MS = 1_000;
/** After a ping without an answer for this long, the connection counts as dead. */
const SILENCE_MS = 10_000;
/** The same for each byte that is on its way: on a slow line a ping waits until they are through. */
const MS_PER_BYTE = 1_000 / 20_000;
/** At most so much of the changes to come is on its way at once. */
const MAX_COMING_BYTES = LIVE_LIMITS.maxUnansweredChanges * LIVE_LIMITS.maxBatchBytes;

/** How a lock was lost. `taken`: another has it, or it was given back; `expired`: it is free; `refused`: not known yet. */
export type LockLoss = 'taken' | 'expired' | 'refused';

/** What happens on a document's connection. */
export interface LiveLinkListener {
  onHello(hello: LiveHello): void;
  /** @param sentAt when the ping left, by the stopwatch */
  onPong(sentAt: number, pong: LivePong): void;
  /** Applies changes of others. Called for one after the other. */
  onChanges(changes: LiveChanges, body: Uint8Array): Promise<ChangesApplied>;
  /** The lock is another's, or nobody's, from here on. @param reason for people */
  onLockLost(reason: string, how: LockLoss): void;
  /** The connection has ended. Called once for any reason except `close`. */
  onEnd(why: SyncError): void;
}

/** One connection to a document, from its handshake to its end; it does not reconnect. */
export class LiveLink {
  private readonly socket: Socket<LiveServerEvents, LiveClientEvents>;
  private readonly handshakeTimer: ReturnType<typeof setTimeout>;
  private pingTimer: ReturnType<typeof setInterval> | undefined;
  private count = 0;
  /** When each unanswered ping was sent, by its number. */
  private readonly unanswered = new Map<number, number>();
  /** Ends the wait of each unanswered request. */
  private readonly asked = new Set<() => void>();
  /** The bytes of the batch that is not answered. */
  private bytesSent = 0;
  /** How many bytes are to come as `changes`. */
  private bytesAhead = 0;
  private readonly turns = new Mutex();
  private isOver = false;

  constructor(
    url: string,
    handshake: LiveHandshake,
    private readonly stopwatch: () => number,
    private readonly listener: LiveLinkListener,
  ) {
    this.socket = dial(url, handshake, HANDSHAKE_MS);
    this.handshakeTimer = setTimeout(() => this.end(silent()), HANDSHAKE_MS);
    this.socket.on('connect_error', (error) => this.end(refusal(error)));
    this.socket.on('disconnect', () => this.end(lost()));
    this.socket.on('hello', (hello) => this.greet(hello));
    this.socket.on('changes', (changes, body, answer) => this.apply(changes, body, answer));
    this.socket.on('session_transferred', () =>
      listener.onLockLost('Another session has taken the document over.', 'taken'),
    );
    this.socket.on('lock_lost', ({ reason }) => {
      if (reason === 'expired') listener.onLockLost('The lock has run out.', 'expired');
      else listener.onLockLost('The lock was released.', 'taken');
    });
    this.socket.on('closed', (problem) => this.end(SyncError.from(problem)));
  }

  /** Sends a batch. @returns when the server has stored it @throws SyncError */
  async sync(body: Uint8Array): Promise<SyncAccepted> {
    this.bytesSent = body.length;
    try {
      return await this.ask<SyncAccepted>((answer) => this.socket.emit('sync', body, answer));
    } finally {
      this.bytesSent = 0;
    }
  }

  /** Makes this connection the holder's. @throws SyncError */
  async hold(fencingToken: number): Promise<LiveRole> {
    const { role } = await this.ask<{ role: LiveRole; expires_at: number }>((answer) =>
      this.socket.emit('hold', { fencing_token: fencingToken }, answer),
    );
    return role;
  }

  /** Sends a fresh access token. @returns when it expires, epoch ms @throws SyncError */
  async renewToken(accessToken: string): Promise<number> {
    const { token_expires_at } = await this.ask<{ token_expires_at: number }>((answer) =>
      this.socket.emit('token', { access_token: accessToken }, answer),
    );
    return token_expires_at;
  }

  /** Disconnects without calling the listener. What waits for an answer fails. */
  close(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.handshakeTimer);
    clearInterval(this.pingTimer);
    for (const giveUp of this.asked) giveUp();
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  private ask<Answer extends object>(
    emit: (answer: (answer: Answer | { problem: Problem }) => void) => void,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void => reject(lost());
      if (this.isOver) return giveUp();
      this.asked.add(giveUp);
      emit((answer) => {
        this.asked.delete(giveUp);
        if ('problem' in answer) reject(SyncError.from(answer.problem));
        else resolve(answer);
      });
    });
  }

  private greet(hello: LiveHello): void {
    if (this.isOver) return;
    clearTimeout(this.handshakeTimer);
    this.bytesAhead = hello.ahead.bytes;
    this.listener.onHello(hello);
    if (this.isOver) return;
    this.pingTimer = setInterval(() => this.ping(), PING_EVERY_MS);
    this.ping();
  }

  private apply(
    changes: LiveChanges,
    body: Uint8Array,
    answer: (applied: ChangesApplied | { problem: Problem }) => void,
  ): void {
    this.bytesAhead = changes.bytes_left;
    void this.turns.run(async () => {
      if (this.isOver) return;
      try {
        answer(await this.listener.onChanges(changes, new Uint8Array(body)));
      } catch (thrown) {
        this.end(thrown instanceof SyncError ? thrown : SyncError.of('CANCELED', String(thrown)));
      }
    });
  }

  private ping(): void {
    const sentAt = this.stopwatch();
    const [oldest] = this.unanswered.values();
    const underWay = this.bytesSent + Math.min(this.bytesAhead, MAX_COMING_BYTES);
    const limit = SILENCE_MS + underWay * MS_PER_BYTE;
    if (oldest !== undefined && sentAt - oldest > limit) return this.end(silent());
    this.count += 1;
    const n = this.count;
    this.unanswered.set(n, sentAt);
    this.socket.emit('ping', { n }, (answer) => {
      if (this.isOver) return;
      if ('problem' in answer) return this.end(SyncError.from(answer.problem));
      this.unanswered.delete(n);
      this.listener.onPong(sentAt, answer);
    });
  }

  private end(why: SyncError): void {
    if (this.isOver) return;
    this.close();
    this.listener.onEnd(why);
  }
}
