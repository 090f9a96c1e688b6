import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Random } from '../convergence/random.js';
import { Lane, type Delay } from './lane.js';
import { RequestReader, type RawRequest } from './request-reader.js';

/** What the proxy does to one HTTP request. */
export type Fate =
  /** The server gets it and answers; the proxy drops the answer and cuts the connection. */
  | 'answer lost'
  /** The server gets it twice, one after the other; the proxy passes on the second answer. */
  | 'sent twice'
  /** The server gets it, answers, and gets a copy some time later. */
  | 'copy later';

export type Direction = 'up' | 'down' | 'both';

/** Which connections a fault affects: ordinary ones, those upgraded to WebSocket, or all. */
export type Target = 'requests' | 'sockets' | 'all';

const COPY_LATER_MS = 1_500;
const COPY_DEADLINE_MS = 5_000;

/** A TCP proxy between one client and its server, which simulates a bad network. */
export class Proxy {
  /** The fates of the next API requests, used up in order. */
  readonly fates: Fate[] = [];
  /** The open connections, stalled and silenced ones included. */
  readonly connections = new Set<Connection>();
  /** How many connections were made since the start. */
  accepted = 0;
  #isRefusing = false;
  #stalled: Direction | null = null;
  #delay: Delay | null = null;

  private constructor(
    private readonly server: Server,
    /** The server's address, read for each connection; null while it is down. */
    readonly upstream: () => URL | null,
    readonly random: Random,
  ) {
    server.on('connection', (client) => this.#accept(client));
  }

  /** Starts one on a free port. */
  static async start(upstream: () => URL | null, random: Random): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Proxy(server, upstream, random);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ends connections: by RST, or by FIN in both directions. */
  cut(how: 'reset' | 'end', target: Target = 'all'): void {
    for (const connection of this.#struck(target)) connection.cut(how);
  }

  /** Ends one direction; the other stays open. */
  halfClose(direction: Direction, target: Target = 'all'): void {
    for (const connection of this.#struck(target)) connection.end(direction);
  }

  /** Silences the present connections for ever. */
  silence(target: Target): void {
    for (const connection of this.#struck(target)) connection.silence();
  }

  /** While true, new connections get RST. */
  set isRefusing(isRefusing: boolean) {
    this.#isRefusing = isRefusing;
  }

  /** Holds back all bytes of a direction, also of new connections; null: passes them on. */
  stall(direction: Direction | null): void {
    this.#stalled = direction;
    for (const connection of this.connections) connection.stall(direction);
  }

  /** Delays all bytes; null: no delay. */
  set delay(delay: Delay | null) {
    this.#delay = delay;
    for (const connection of this.connections) connection.delay = delay;
  }

  /** Ends every fault; silenced connections stay silent, as when a router has forgotten them. */
  heal(): void {
    this.fates.length = 0;
    this.isRefusing = false;
    this.delay = null;
    this.stall(null);
  }

  /** Takes the fate of a request to a path; undefined: it passes. */
  takeFate(path: string): Fate | undefined {
    if (!path.startsWith('/api/')) return undefined;
    // A refresh token that is used again after its successor counts as stolen and revokes its device, as intended.
    if (this.fates[0] === 'copy later' && !path.includes('/sync/')) return undefined;
    return this.fates.shift();
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.cut('reset');
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  #accept(client: Socket): void {
    client.on('error', () => client.destroy());
    const upstream = this.upstream();
    if (this.#isRefusing || !upstream) {
      client.resetAndDestroy();
      return;
    }
    this.accepted += 1;
    const connection = new Connection(client, connectTo(upstream), this);
    connection.stall(this.#stalled);
    connection.delay = this.#delay;
    this.connections.add(connection);
    connection.closed.then(
      () => this.connections.delete(connection),
      () => undefined,
    );
  }

  #struck(target: Target): Connection[] {
    return [...this.connections].filter(
      ({ isSocket }) => target === 'all' || isSocket === (target === 'sockets'),
    );
  }
}

/** One connection of a client, and its counterpart to the server. */
export class Connection {
  /** Settles when both sides have closed. */
  readonly closed: Promise<void>;
  isSilent = false;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #requests: RequestReader;
  #cutsAtAnswer = false;

  constructor(
    private readonly client: Socket,
    private readonly server: Socket,
    private readonly proxy: Proxy,
  ) {
    this.#up = new Lane(server, proxy.random);
    this.#down = new Lane(client, proxy.random);
    this.#requests = new RequestReader({
      onRequest: (request) => void this.#deliver(request),
      onTunnel: (bytes) => this.#up.pass(bytes),
    });
    client.on('data', (bytes: Buffer) => this.#requests.feed(bytes));
    client.on('end', () => this.#up.end());
    server.on('data', (bytes: Buffer) => this.#answer(bytes));
    server.on('end', () => this.#down.end());
    server.on('error', () => this.cut('reset'));
    client.on('error', () => this.cut('reset'));
    this.closed = Promise.all(
      [client, server].map((socket) => new Promise<void>((resolve) => socket.once('close', resolve))),
    ).then(() => undefined);
    // Once one side has closed, a silenced connection must not keep the other side open.
    client.once('close', () => server.destroy());
    server.once('close', () => {
      if (!this.isSilent) client.destroySoon();
    });
  }

  /** Whether the connection was upgraded to WebSocket. */
  get isSocket(): boolean {
    return this.#requests.isTunnel;
  }

  set delay(delay: Delay | null) {
    this.#up.delay = delay;
    this.#down.delay = delay;
  }

  cut(how: 'reset' | 'end'): void {
    this.#up.close();
    this.#down.close();
    for (const socket of [this.client, this.server]) {
      if (how === 'end') socket.destroySoon();
      // Resetting a socket that is about to end fails and leaves its handle open for ever.
      else if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  end(direction: Direction): void {
    if (direction !== 'down') this.#up.end();
    if (direction !== 'up') this.#down.end();
  }

  stall(direction: Direction | null): void {
    if (this.isSilent) return;
    for (const [lane, name] of [
      [this.#up, 'up'],
      [this.#down, 'down'],
    ] as const) {
      if (direction === 'both' || direction === name) lane.stall();
      else lane.release();
    }
  }

  silence(): void {
    this.stall('both');
    this.isSilent = true;
  }

  async #deliver(request: RawRequest): Promise<void> {
    const fate = this.proxy.takeFate(request.path);
    if (fate === 'sent twice') await this.#copy(request);
    if (fate === 'answer lost') this.#cutsAtAnswer = true;
    if (fate === 'copy later') {
      const timer = setTimeout(() => void this.#copy(request), this.proxy.random.next() * COPY_LATER_MS);
      timer.unref();
    }
    this.#up.pass(request.bytes);
  }

  #answer(bytes: Buffer): void {
    if (this.#cutsAtAnswer) this.cut('reset');
    else this.#down.pass(bytes);
  }

  /** Sends the request again on a separate connection, and closes it when a part of the answer has arrived. */
  #copy(request: RawRequest): Promise<void> {
    return new Promise((resolve) => {
      const upstream = this.proxy.upstream();
      if (!upstream) return resolve();
      const socket = connectTo(upstream);
      socket.setTimeout(COPY_DEADLINE_MS, () => socket.destroy());
      socket.on('error', () => socket.destroy());
      socket.once('close', () => resolve());
      socket.once('data', () => socket.destroy());
      socket.write(request.bytes);
    });
  }
}

function connectTo({ hostname, port }: URL): Socket {
  return connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
}
