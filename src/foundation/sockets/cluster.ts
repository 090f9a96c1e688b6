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

/** Few enough to fit into one NOTIFY, which holds 8,000 bytes; longer ones go through a table. */
const TOLD_AT_ONCE = 15;
/** For so long announcements are gathered, but for the first after a quiet time, which goes at once. */
const GATHER_MS = 5;

type AdapterClass = Parameters<SocketServer['adapter']>[0] &
  (new (namespace: Namespace) => Namespace['adapter']);

/** The other processes on the same PostgreSQL; on SQLite there are none. */
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

  /** Connects the namespace `/` of a server to that of the other processes; every other one stays within the process. */
  join(io: SocketServer): void {
    this.io = io;
    if (!this.connection) return;
    // Without a connection every announcement would say so again.
    const errorHandler = ({ message }: Error) => this.logger.log(`An announcement was lost: ${message}`);
    const channelPrefix = 'tidemark';
    const between = createAdapter(this.connection as unknown as Pool, { channelPrefix, errorHandler });
    const within = io.adapter() as AdapterClass;
    // Called with `new`, which an arrow function is not made for.
    io.adapter(function (namespace: Namespace) {
      return namespace.name === '/' ? between(namespace) : new within(namespace);
    } as unknown as AdapterClass);
  }

  /** Hears what the other processes tell. */
  listen(listener: (announcements: Announcement[]) => void): void {
    this.io!.on('announce', listener);
  }

  /** Tells the other processes; one that is not reached learns it from the database at its clients' next ping. */
  tell(announcement: Announcement): void {
    if (!this.connection || this.isClosed) return;
    void this.told.ask(announcement);
  }

  async onModuleDestroy(): Promise<void> {
    this.isClosed = true;
    await this.io?.sockets.adapter.close();
    this.connection?.close();
  }

  /** A NOTIFY takes a lock on all of PostgreSQL: what comes up meanwhile goes together. */
  private async send(announcements: Announcement[]): Promise<void[]> {
    for (let at = 0; at < announcements.length && !this.isClosed; at += TOLD_AT_ONCE) {
      this.io!.serverSideEmit('announce', announcements.slice(at, at + TOLD_AT_ONCE));
      await this.connection!.flushed();
    }
    await setTimeout(GATHER_MS);
    return [];
  }
}
