import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import type { INestApplication, WsMessageHandler } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { Server } from 'socket.io';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import type { ClientSocket, SocketServer } from './client-socket.js';
import type { Cluster } from './cluster.js';
import { MAX_FRAME_BYTES } from './frame-limit.js';

const PATH = '/socket.io';
const HEARTBEAT_EVERY_MS = 10_000;
const HEARTBEAT_ANSWER_MS = 5_000;
const HANDSHAKE_MS = 5_000;
const GOODBYE_MS = 500;

/** Runs one Socket.IO server on the HTTP server's port, with a namespace for each gateway. */
export class SocketIoAdapter extends IoAdapter {
  /** Null: no gateway has asked for a server yet. */
  private io: SocketServer | null = null;
  private readonly connections = new Set<Duplex>();
  /** For each socket, the handlers of all gateways it belongs to. */
  private readonly handlers = new WeakMap<ClientSocket, WsMessageHandler<string>[]>();

  constructor(
    app: INestApplication,
    private readonly cluster: Cluster,
  ) {
    super(app);
  }

  /** Creates the Socket.IO server and attaches it to the HTTP server; ignores the gateway's port. */
  override createIOServer(): SocketServer {
    const io: SocketServer = new Server({
      path: PATH,
      // With polling, all requests of one client would have to reach the same process.
      transports: ['websocket'],
      allowUpgrades: false,
      serveClient: false,
      pingInterval: HEARTBEAT_EVERY_MS,
      pingTimeout: HEARTBEAT_ANSWER_MS,
      connectTimeout: HANDSHAKE_MS,
      maxHttpBufferSize: MAX_FRAME_BYTES,
      // Dynamic namespaces are made by a client's first packet: without this, refused ones would stay for ever.
      cleanupEmptyChildNamespaces: true,
    });
    this.cluster.join(io);
    const server = this.httpServer as HttpServer;
    // Before `attach`: after an upgrade Node handles no errors of the connection, and unhandled ones end the process.
    server.on('upgrade', ({ url }, connection: Duplex) => {
      connection.on('error', () => undefined); // 'close' follows
      if (!url?.startsWith(`${PATH}/`)) {
        connection.destroy();
        return;
      }
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
    io.attach(server);
    this.io = io;
    return io;
  }

  /**
   * Adds a gateway's handlers to a socket. Each socket has one listener, instead of the base class's chain of observables
   * per socket and handler; a handler answers once, with a promise.
   */
  override bindMessageHandlers(socket: ClientSocket, handlers: WsMessageHandler<string>[]): void {
    const known = this.handlers.get(socket);
    this.handlers.set(socket, known ? [...known, ...handlers] : handlers);
    if (!known) socket.onAny((name: string, ...args: unknown[]) => void this.answer(socket, name, args));
  }

  /** Closes the server. Nest also calls this for each namespace, which ends with the server. */
  override async close(server: unknown): Promise<void> {
    if (server !== this.io) return;
    await this.untilDisconnected();
    // Not io.close: it would also close the HTTP server, whose requests may still run.
    this.io?.engine?.close();
    // Clients that do not answer the closing frame would delay the end.
    for (const connection of this.connections) connection.destroy();
  }

  private async answer(socket: ClientSocket, name: string, args: unknown[]): Promise<void> {
    const answer = args.at(-1);
    // Without a callback the client expects no answer, so no handler runs.
    if (typeof answer !== 'function') return;
    const handler = this.handlers.get(socket)!.find(({ message }) => message === name);
    if (!handler) {
      const error = new AppError('BAD_REQUEST', { detail: 'There is no such event.' });
      answer({ problem: toProblem(error, socket.id) });
      return;
    }
    const result: unknown = await handler.callback(args.length > 1 ? args[0] : undefined, answer);
    // Undefined: the exception filter has answered.
    if (result !== undefined) answer(result);
  }

  /** Waits up to 500 ms for the clients, which were already sent `closed`, to close their connections. */
  private async untilDisconnected(): Promise<void> {
    const timer = new AbortController();
    const closed = Array.from(this.connections, (connection) => once(connection, 'close'));
    const deadline = setTimeout(GOODBYE_MS, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(closed), deadline]);
    timer.abort();
  }
}
