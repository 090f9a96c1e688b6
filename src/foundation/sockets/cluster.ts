import { setTimeout } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { createAdapter } from '@socket.io/postgres-adapter';
import type { Pool } from 'pg';
import type { Namespace } from 'socket.io';
import { CONFIG } from '../config/config.module.js';
import type { Config } from '../config/config.js';
import { Batcher } from '../flow/batcher.js';
import type { Announcement, SocketServer } from './client-socket.js';
import { ClusterConnection } from './cluster-connection.js';

/** Announcements per message: usually few enough for the 8,000 bytes of a NOTIFY; longer messages go through a table. */
const TOLD_AT_ONCE = 15;
/** How long announcements are gathered after each batch; the first one after a quiet time is sent at once. */
const GATHER_MS = 5;

type AdapterClass = Parameters<SocketServer['adapter']>[0] &
  (new (namespace: Namespace) => Namespace['adapter']);

/** The connection to the other processes on the same PostgreSQL; on SQLite there are none. */
@Injectable()
export class Cluster implements OnModuleDestroy {
  private readonly logger = new Logger('Realtime');
  private readonly connection: ClusterConnection | null;
  private readonly told = new Batcher((announcements: Announcement[]) => this.send(announcements));
  private io?: SocketServer;
  private isClosed = false;

  constructor(@Inject(CONFIG) config: Config) {
    this.connection = config.databaseUrl === null ? null : new ClusterConnection(config.databaseUrl);
  }

  /** Connects the namespace `/` to the other processes' namespace `/`; all other namespaces stay within the process. */
  join(io: SocketServer): void {
    this.io = io;
    if (!this.connection) return;
    // Log at a low level: without a connection, every announcement fails.
    const errorHandler = ({ message }: Error) => this.logger.log(`An announcement was lost: ${message}`);
    const channelPrefix = 'tidemark';
    const between = createAdapter(this.connection as unknown as Pool, { channelPrefix, errorHandler });
    const within = io.adapter() as AdapterClass;
    // Not an arrow function, because Socket.IO calls it with `new`.
    io.adapter(function (namespace: Namespace) {
      return namespace.name === '/' ? between(namespace) : new within(namespace);
    } as unknown as AdapterClass);
  }

  /** Subscribes to the announcements of the other processes. */
  listen(listener: (announcements: Announcement[]) => void): void {
    this.io!.on('announce', listener);
  }

  /** Sends an announcement to the other processes. If it is lost, their clients learn of the change at the next ping. */
  tell(announcement: Announcement): void {
    if (!this.connection || this.isClosed) return;
    void this.told.ask(announcement);
  }

  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    await this.io?.sockets.adapter.close();
    this.connection?.close();
  }

  /** Sends announcements together, because each NOTIFY takes a lock on the whole PostgreSQL server. */
  private async send(announcements: Announcement[]): Promise<void[]> {
    for (let at = 0; at < announcements.length && !this.isClosed; at += TOLD_AT_ONCE) {
      this.io!.serverSideEmit('announce', announcements.slice(at, at + TOLD_AT_ONCE));
      await this.connection!.flushed();
    }
    await setTimeout(GATHER_MS);
    return [];
  }
}
