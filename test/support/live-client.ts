import { io, type ManagerOptions, type Socket } from 'socket.io-client';
import {
  LIVE_PROTOCOL_VERSION,
  type LiveChanges,
  type LiveHello,
  type LivePong,
  type SyncAccepted,
} from '../../src/protocol/documents.js';
import type { Problem } from '../../src/protocol/errors.js';
import type { TestDevice } from './device.js';
import { pathOf, unpacked } from './documents.js';
import { until } from './exchange.js';
import { LiveReplica } from './live-replica.js';

const ANSWER_DEADLINE_MS = 15_000;

/** Where a document's socket connects. */
export const liveUrl = (url: string, videoId: string, kind = 'captions') =>
  `${url}/videos/${videoId}/sync/${kind}`;

/** A document as `download-url` gives it. */
export interface Downloaded {
  epoch: number;
  version: number;
  database: Buffer;
}

/** Downloads a document. */
export async function downloadLive(
  device: TestDevice,
  videoId: string,
  kind = 'captions',
): Promise<Downloaded> {
  const reply = await device.request('GET', `${pathOf(videoId, kind)}/download-url`);
  if (reply.status !== 200) throw new Error(`No address: ${reply.status} ${JSON.stringify(reply.body)}`);
  const { url, epoch, version } = reply.body as { url: string; epoch: number; version: number };
  const answer = await fetch(url);
  return { epoch, version, database: unpacked(new Uint8Array(await answer.arrayBuffer())) };
}

/** What a client sends in its handshake. */
export type LiveAuth = Record<string, unknown>;

/** One connection to a document; events are kept until a test takes them. */
export class LiveSocket implements Disposable {
  readonly client: Socket;
  readonly refusals: Problem[] = [];
  readonly ends: { reason: string; closeCode?: number }[] = [];
  /** Everything that came, in order. */
  readonly heard: { name: string; args: unknown[] }[] = [];

  /** @param url as of `liveUrl` */
  constructor(url: string, auth: LiveAuth, options: Partial<ManagerOptions> = {}) {
    const transports = ['websocket'];
    this.client = io(url, { transports, forceNew: true, reconnection: false, auth, ...options });
    this.client.onAny((name: string, ...args: unknown[]) => this.heard.push({ name, args }));
    this.client.on('connect_error', (error) => {
      this.refusals.push((error as Error & { data?: Problem }).data ?? ({ code: error.message } as never));
    });
    this.client.on('disconnect', (reason, details) => {
      const { context } = (details ?? {}) as { context?: { code?: number } };
      this.ends.push({ reason, closeCode: context?.code });
    });
  }

  /** Takes the oldest event of this name; waits for it if necessary. */
  async next<P>(name: string): Promise<P> {
    const isThere = () => this.heard.some((event) => event.name === name) || this.refusals.length > 0;
    await until(isThere, (there) => there);
    const index = this.heard.findIndex((event) => event.name === name);
    if (index < 0) throw new Error(`Refused: ${JSON.stringify(this.refusals)}`);
    return this.heard.splice(index, 1)[0]!.args[0] as P;
  }

  /** Waits for the refusal of the handshake. */
  refusal(): Promise<Problem> {
    return until(
      () => this.refusals[0]!,
      (problem) => problem !== undefined,
    );
  }

  /** Waits for `closed` and then for the end of the connection. */
  async closed(): Promise<Problem> {
    const problem = await this.next<Problem>('closed');
    await this.ended();
    return problem;
  }

  /** Waits for the end of the connection. */
  ended(): Promise<{ reason: string; closeCode?: number }> {
    return until(
      () => this.ends[0]!,
      (end) => end !== undefined,
    );
  }

  /** Sends an event and waits for its answer. */
  ask<A>(name: string, ...payload: unknown[]): Promise<A & { problem?: Problem }> {
    return this.client.timeout(ANSWER_DEADLINE_MS).emitWithAck(name, ...payload) as Promise<
      A & { problem?: Problem }
    >;
  }

  [Symbol.dispose](): void {
    this.client.disconnect();
  }
}

/** Whether, and as what, a client connects. */
interface LiveSession {
  sessionId: string;
  /** Null: it watches. */
  fencingToken: number | null;
}

/** A client of one document: a copy in the engine, and a socket that keeps it up to date. */
export class LiveClient implements Disposable {
  /** What it has of the server. */
  cursor: number;
  mark: string | null = null;
  /** The local version up to which the server has answered. */
  acknowledged: number;
  /** The newest version that acknowledged a batch. */
  answered: { version: number; mark: string | null } | null = null;
  socket: LiveSocket | null = null;
  hello: LiveHello | null = null;
  /** The heads of the changes that came. */
  readonly changes: LiveChanges[] = [];

  private constructor(
    readonly device: TestDevice,
    readonly videoId: string,
    readonly kind: string,
    readonly session: LiveSession,
    readonly epoch: number,
    readonly copy: LiveReplica,
    version: number,
  ) {
    this.cursor = version;
    this.acknowledged = copy.version;
  }

  /** Downloads the document, for a session that watches or holds the lock. */
  static async open(
    device: TestDevice,
    videoId: string,
    session: Partial<LiveSession> = {},
    kind = 'captions',
  ): Promise<LiveClient> {
    const { epoch, version, database } = await downloadLive(device, videoId, kind);
    const copy = await LiveReplica.of(database);
    const { sessionId = `session-${device.deviceId}`, fencingToken = null } = session;
    return new LiveClient(device, videoId, kind, { sessionId, fencingToken }, epoch, copy, version);
  }

  /** What it sends in its handshake. */
  get auth(): LiveAuth {
    return {
      access_token: this.device.accessToken,
      protocol_version: LIVE_PROTOCOL_VERSION,
      session_id: this.session.sessionId,
      fencing_token: this.session.fencingToken,
      schema_version: this.copy.schemaVersion,
      epoch: this.epoch,
      since: this.cursor,
      since_mark: this.mark,
      answered: this.answered?.version ?? null,
      answered_mark: this.answered?.mark ?? null,
      site_id: this.copy.siteId,
    };
  }

  /** Connects, and merges from then on what comes. @throws Error with the refusal */
  async connect(overrides: LiveAuth = {}, url = this.device.url): Promise<LiveHello> {
    this.socket?.client.disconnect();
    const socket = new LiveSocket(liveUrl(url, this.videoId, this.kind), { ...this.auth, ...overrides });
    this.socket = socket;
    socket.client.on('changes', (head: LiveChanges, body: ArrayBuffer, answer: (applied: object) => void) => {
      if (head.from > this.cursor) return; // a gap: never answered, so that the test fails
      if (head.to > this.cursor) {
        const own = this.copy.version;
        this.copy.merge(new Uint8Array(body));
        this.moveAcknowledged(own);
        this.cursor = head.to;
        this.mark = head.mark;
      }
      this.changes.push(head);
      answer({ up_to: head.to });
    });
    this.hello = await socket.next<LiveHello>('hello');
    return this.hello;
  }

  /** Changes its copy, and sends it. @returns the answer, or the problem */
  async edit(...statements: string[]): Promise<SyncAccepted & { problem?: Problem }> {
    this.copy.run(...statements);
    const answers = await this.push();
    return answers.at(-1)!;
  }

  /** Sends every local version that the server has not answered, one after another. */
  async push(): Promise<(SyncAccepted & { problem?: Problem })[]> {
    const answers: (SyncAccepted & { problem?: Problem })[] = [];
    for (let version = this.acknowledged + 1; version <= this.copy.version; version++) {
      const body = this.copy.bodyOf(version);
      if (body) {
        const answer = await this.socket!.ask<SyncAccepted>('sync', body);
        answers.push(answer);
        if (answer.problem) return answers;
        this.answered = { version: answer.server_version, mark: answer.mark };
        if (this.cursor === answer.previous) {
          this.cursor = answer.server_version;
          this.mark = answer.mark;
        }
      }
      this.acknowledged = Math.max(this.acknowledged, version);
    }
    return answers;
  }

  /** Asks the server for its version. */
  ping(n = 1): Promise<LivePong & { problem?: Problem }> {
    return this.socket!.ask<LivePong>('ping', { n });
  }

  /** Waits until it has everything up to a version. */
  async reaches(version: number): Promise<void> {
    await until(
      () => this.cursor,
      (cursor) => cursor >= version,
    );
  }

  [Symbol.dispose](): void {
    this.socket?.client.disconnect();
    this.copy[Symbol.dispose]();
  }

  /** Merged versions count among the local ones, but there is nothing of its own in them. */
  private moveAcknowledged(before: number): void {
    if (this.acknowledged === before) this.acknowledged = this.copy.version;
  }
}
