import { io, type Socket } from 'socket.io-client';
import type { Changes } from '../../src/protocol/events.js';
import { answerCalls } from '../lab/remote.js';
import { machineMs } from './clock.js';
import type { Connection } from './connection.js';
import { connectHocuspocus } from './hocuspocus-client.js';
import { connectBareSocketIo } from './socket-io-client.js';

// The devices: one separate process that holds every connection, so that servers are measured without their clients.

const CONNECTING_AT_ONCE = 50;
const ANSWER_DEADLINE_MS = 20_000;

/** One connection to make; the bare protocol takes as little of the clients' processor time as possible. */
export type Client =
  | { protocol: 'socket.io' | 'bare socket.io'; auth: Record<string, unknown> }
  | { protocol: 'hocuspocus'; document: string; token: string };

/** The arrival of an announcement; `number` is the server's number for it. */
export interface Arrival {
  number: number;
  atMs: number;
}

let connections: Connection[] = [];
let arrivals: Arrival[] = [];
let waiting: { count: number; resolve: () => void } | undefined;
let pinging: { timers: NodeJS.Timeout[]; durations: number[]; failures: number } | undefined;

function note(number: number): void {
  arrivals.push({ number, atMs: machineMs() });
  if (waiting && arrivals.length >= waiting.count) waiting.resolve();
}

const calls = {
  /** Opens all connections, some at a time. @returns the duration in ms */
  async connect({ url, clients }: { url: string; clients: Client[] }): Promise<number> {
    const begun = performance.now();
    const left = [...clients];
    const worker = async (): Promise<void> => {
      for (let client = left.pop(); client; client = left.pop()) {
        connections.push(await connectOne(url, client));
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, worker));
    return performance.now() - begun;
  },
  /** Forgets all arrivals so far. */
  forget(): void {
    arrivals = [];
  },
  /** Waits until `count` announcements have arrived since `forget`. @throws Error when they do not arrive in time */
  async arrived(count: number): Promise<Arrival[]> {
    await new Promise<void>((resolve, reject) => {
      if (arrivals.length >= count) return resolve();
      waiting = { count, resolve };
      const late = () => reject(new Error(`Only ${arrivals.length} of ${count} announcements arrived.`));
      setTimeout(late, ANSWER_DEADLINE_MS).unref();
    });
    waiting = undefined;
    return arrivals;
  },
  /** Lets every connection ping once a second, spread over the second. */
  startPinging(): void {
    const state = (pinging = { timers: [] as NodeJS.Timeout[], durations: [] as number[], failures: 0 });
    connections.forEach(({ ping }, index) => {
      if (!ping) return;
      let n = 0;
      const ask = (): void =>
        void ping((n += 1)).then(
          (ms) => state.durations.push(ms),
          () => (state.failures += 1),
        );
      const start = (): void => void state.timers.push(setInterval(ask, 1_000));
      state.timers.push(setTimeout(start, (index / connections.length) * 1_000));
    });
  },
  /** Stops the pings. @throws Error when a ping was not answered */
  stopPinging(): { count: number; p99Ms: number } {
    const { timers, durations, failures } = pinging!;
    timers.forEach((timer) => clearInterval(timer));
    if (failures > 0) throw new Error(`${failures} pings were not answered.`);
    durations.sort((a, b) => a - b);
    return { count: durations.length, p99Ms: durations[Math.floor(durations.length * 0.99)] ?? NaN };
  },
  disconnect(): void {
    connections.forEach((connection) => connection.close());
    connections = [];
  },
};
/** The functions of the process that holds the connections. */
export type ClientCalls = typeof calls;

function connectOne(url: string, client: Client): Promise<Connection> {
  if (client.protocol === 'hocuspocus') return connectHocuspocus(url, client.document, client.token, note);
  if (client.protocol === 'bare socket.io') return connectBareSocketIo(url, client.auth, note);
  return connectSocketIo(url, client.auth);
}

function connectSocketIo(url: string, auth: Record<string, unknown>): Promise<Connection> {
  const socket: Socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, auth });
  socket.on('changes', ({ timestamp }: Changes) => note(timestamp));
  return new Promise((resolve, reject) => {
    socket.once('connect_error', reject);
    socket.once('hello', () => resolve({ close: () => void socket.disconnect() }));
  });
}

answerCalls(calls);
