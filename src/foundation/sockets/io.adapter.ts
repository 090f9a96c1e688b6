import { once } from 'node:events';
import type { Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { createAdapter } from '@socket.io/postgres-adapter';
import type { Pool } from 'pg';
import { Server, type Socket } from 'socket.io';
import { CONFIG } from '../config/config.module.js';
import type { Config } from '../config/config.js';
import { Batcher } from '../flow/batcher.js';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import type { Events } from '../events/event-bus.js';
import type { ClientEvents, ServerEvents } from '../../protocol/events.js';
import type { Share } from '../../shares/shares.repository.js';
import { ClusterConnection } from './cluster-connection.js';

const PATH = '/socket.io';
const HEARTBEAT_EVERY_MS = 10_000;
const HEARTBEAT_ANSWER_MS = 5_000;
const HANDSHAKE_MS = 5_000;
const GOODBYE_MS = 500;
/** Few enough to fit into one NOTIFY, which holds 8,000 bytes; longer ones go through a table. */
const TOLD_AT_ONCE = 15;
/** For so long announcements are gathered, but for the first after a quiet time, which goes at once. */
const GATHER_MS = 5;
const MAX_FRAME_BYTES = 16 * 1_024;

/** Whom a socket belongs to: a device, or someone who was given the link to a game. */
export type SocketOwner =
  | { kind: 'device'; accountId: string; deviceId: string; tokenExpiresAt: number }
  | { kind: 'watcher'; share: Share };

/** An event of the bus, with its name. */
export type Announcement = { [N in keyof Events]: [name: N, event: Events[N]] }[keyof Events];

/** What one process tells the others. */
interface ClusterEvents {
  announce: (announcements: Announcement[]) => void;
}

/** What is kept with a socket; there from the handshake on. */
interface SocketData {
  owner: SocketOwner;
  /** When the database was last asked whether the owner may stay, epoch ms. */
  provenAt: number;
}

/** A connected client. */
export type ClientSocket = Socket<ClientEvents, ServerEvents, ClusterEvents, SocketData>;

/** Tells a client why, then cuts it off. */
export function hangUp(socket: ClientSocket, error: AppError): void {
  socket.emit('closed', toProblem(error, socket.id));
  socket.disconnect(true);
}

/** The Socket.IO server beside the HTTP routes; on PostgreSQL it also reaches the other processes. */
@Injectable()
export class SocketServer implements OnModuleInit, OnModuleDestroy {
  readonly io = new Server<ClientEvents, ServerEvents, ClusterEvents, SocketData>({
    path: PATH,
    // With polling, requests of one client would have to reach the same process.
    transports: ['websocket'],
    allowUpgrades: false,
    serveClient: false,
    pingInterval: HEARTBEAT_EVERY_MS,
    pingTimeout: HEARTBEAT_ANSWER_MS,
    connectTimeout: HANDSHAKE_MS,
    maxHttpBufferSize: MAX_FRAME_BYTES,
  });
  private readonly logger = new Logger('Realtime');
  private readonly cluster: ClusterConnection | null;
  private readonly connections = new Set<Duplex>();
  private readonly told = new Batcher((announcements: Announcement[]) => this.tell(announcements));
  private isClosed = false;

  constructor(
    private readonly host: HttpAdapterHost,
    @Inject(CONFIG) config: Config,
  ) {
    this.cluster = config.databaseUrl === null ? null : new ClusterConnection(config.databaseUrl);
  }

  onModuleInit(): void {
    if (this.cluster) {
      // Without a connection every announcement would say so again.
      const errorHandler = ({ message }: Error) => this.logger.log(`An announcement was lost: ${message}`);
      const channelPrefix = 'tidemark';
      this.io.adapter(createAdapter(this.cluster as unknown as Pool, { channelPrefix, errorHandler }));
    }
    const server = this.host.httpAdapter.getHttpServer() as HttpServer;
    // Before attach: Node has let go of the connection, and an error that nobody listens to ends the process.
    server.on('upgrade', ({ url }, connection: Duplex) => {
      connection.on('error', () => undefined); // 'close' follows
      if (!url?.startsWith(`${PATH}/`)) {
        connection.destroy();
        return;
      }
      this.connections.add(connection);
      connection.once('close', () => this.connections.delete(connection));
    });
    this.io.attach(server);
  }

  /** The sockets in a room of this process, the oldest first. */
  socketsIn(room: string): ClientSocket[] {
    const ids = this.io.sockets.adapter.rooms.get(room) ?? [];
    return [...ids].flatMap((id) => this.io.sockets.sockets.get(id) ?? []);
  }

  /** Tells the other processes; one that is not reached learns it from the database at its clients' next ping. */
  tellOthers(announcement: Announcement): void {
    if (!this.cluster || this.isClosed) return;
    void this.told.ask(announcement);
  }

  /** A NOTIFY takes a lock on all of PostgreSQL: what comes up meanwhile goes together. */
  private async tell(announcements: Announcement[]): Promise<void[]> {
    for (let at = 0; at < announcements.length && !this.isClosed; at += TOLD_AT_ONCE) {
      this.io.serverSideEmit('announce', announcements.slice(at, at + TOLD_AT_ONCE));
      await this.cluster!.flushed();
    }
    await setTimeout(GATHER_MS);
    return [];
  }

  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    // Not io.close, which would also close the HTTP server, whose requests may still run.
    await this.io.sockets.adapter.close();
    this.cluster?.close();
    await this.untilDisconnected();
    this.io.engine?.close();
    // Clients that do not answer the closing frame would hold the end up.
    for (const connection of this.connections) connection.destroy();
  }

  /** Gives the clients, which have been told by now, a moment to hear it and to close their end. */
  private async untilDisconnected(): Promise<void> {
    const timer = new AbortController();
    const closed = Array.from(this.connections, (connection) => once(connection, 'close'));
    const deadline = setTimeout(GOODBYE_MS, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.allSettled(closed), deadline]);
    timer.abort();
  }
}
