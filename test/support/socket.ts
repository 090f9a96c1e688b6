import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type { Problem } from '../../src/protocol/errors.js';
import type { ClientEvents, Hello, Pong, ServerEvents } from '../../src/protocol/events.js';
import { schema } from '../../src/protocol/tables.js';
import { PROTOCOL_VERSION } from '../../src/protocol/version.js';
import type { TestDevice } from './device.js';
import { until } from './exchange.js';

const ANSWER_DEADLINE_MS = 5_000;

type Options = Partial<ManagerOptions & SocketOptions>;
type Payload<E extends keyof ServerEvents> = Parameters<ServerEvents[E]>[0];

/** The handshake of an up-to-date app on this device. */
export function deviceAuth(device: TestDevice): Record<string, unknown> {
  return {
    access_token: device.accessToken,
    protocol_version: PROTOCOL_VERSION,
    schema_version: schema.version,
    history_id: null,
  };
}

/** One connection of the real Socket.IO client; events are kept until a test takes them. */
export class TestSocket implements Disposable {
  readonly client: Socket;
  /** How the connection ended; empty while it lasts. */
  readonly ends: { reason: string; closeCode?: number }[] = [];
  private readonly heard: { name: string; payload: unknown }[] = [];
  private readonly refusals: Problem[] = [];

  /** Begins to connect; `next` and `refusal` wait for the outcome. */
  constructor(url: string, auth: Record<string, unknown>, options: Options = {}) {
    this.client = io(url, { transports: ['websocket'], forceNew: true, auth, ...options });
    this.client.onAny((name: string, payload: unknown) => this.heard.push({ name, payload }));
    this.client.on('connect_error', (error) => {
      const { data } = error as Error & { data?: Problem };
      if (data) this.refusals.push(data);
    });
    this.client.on('disconnect', (reason, details) => {
      const { context } = (details ?? {}) as { context?: { code?: number } };
      this.ends.push({ reason, closeCode: context?.code });
    });
  }

  /** Connects a device and waits for the greeting. @throws Error when there is none */
  static async connect(
    device: TestDevice,
    auth: Record<string, unknown> = {},
    options?: Options,
  ): Promise<TestSocket & { hello: Hello }> {
    const socket = new TestSocket(device.url, { ...deviceAuth(device), ...auth }, options);
    return Object.assign(socket, { hello: await socket.next('hello') });
  }

  /** Connects with the token of a share and waits for the greeting. */
  static async watch(url: string, shareToken: string): Promise<TestSocket & { hello: Hello }> {
    const socket = new TestSocket(url, { share_token: shareToken, protocol_version: PROTOCOL_VERSION });
    return Object.assign(socket, { hello: await socket.next('hello') });
  }

  /** The names of the events that no test has taken yet, in order. */
  get pending(): string[] {
    return this.heard.map(({ name }) => name);
  }

  /** Takes the oldest event of this name; waits for it if necessary. */
  async next<E extends keyof ServerEvents>(name: E, deadlineMs?: number): Promise<Payload<E>> {
    const isThere = () => this.heard.some((event) => event.name === name) || this.refusals.length > 0;
    await until(isThere, (there) => there, deadlineMs);
    const index = this.heard.findIndex((event) => event.name === name);
    if (index < 0) throw new Error(`Refused: ${JSON.stringify(this.refusals)}`);
    return this.heard.splice(index, 1)[0]!.payload as Payload<E>;
  }

  /** Waits for the refusal of the handshake. */
  refusal(): Promise<Problem> {
    return until(
      () => this.refusals[0]!,
      (problem) => problem !== undefined,
    );
  }

  /** Waits for `closed` and then for the end of the connection. */
  async closed(deadlineMs?: number): Promise<Problem> {
    const problem = await this.next('closed', deadlineMs);
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
  ask<A>(name: keyof ClientEvents | (string & {}), ...payload: unknown[]): Promise<A> {
    return this.client.timeout(ANSWER_DEADLINE_MS).emitWithAck(name, ...payload) as Promise<A>;
  }

  /** Asks for the clock. @throws Error with the problem when the server refuses */
  async ping(n = 1): Promise<Pong> {
    const answer = await this.ask<Pong | { problem: Problem }>('ping', { n });
    if ('problem' in answer) throw new Error(`ping: ${JSON.stringify(answer.problem)}`);
    return answer;
  }

  [Symbol.dispose](): void {
    this.client.disconnect();
  }
}
