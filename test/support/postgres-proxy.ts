import { rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { makeScratchDir } from './scratch.js';
import { createStorage, type Storage } from './storage.js';

/** PostgreSQL's name for the socket of its default port. */
const SOCKET = '.s.PGSQL.5432';

/** A database, and a proxy between it and a server, such as a firewall. */
export class PostgresProxy implements AsyncDisposable {
  private readonly connections = new Set<[Socket, Socket]>();

  private constructor(
    private readonly server: Server,
    /** For a server that reaches its database through this proxy. */
    readonly storage: Storage,
  ) {}

  static async start(): Promise<PostgresProxy> {
    const { env, dispose } = await createStorage('postgres');
    const url = new URL(env.DATABASE_URL!);
    const upstream = join(url.searchParams.get('host')!, SOCKET);
    const folder = makeScratchDir('proxy');
    url.searchParams.set('host', folder);
    const server = createServer();
    const proxy = new PostgresProxy(server, {
      env: { ...env, DATABASE_URL: url.href },
      dispose: () => dispose().finally(() => rm(folder, { recursive: true })),
    });
    server.on('connection', (client) => proxy.join(client, connect(upstream)));
    await new Promise<void>((resolve) => server.listen(join(folder, SOCKET), resolve));
    return proxy;
  }

  /** Silences the present connections; new ones work. */
  silence(): void {
    for (const [client, database] of this.connections) {
      client.unpipe().resume();
      database.unpipe().resume();
    }
  }

  private join(client: Socket, database: Socket): void {
    const pair: [Socket, Socket] = [client, database];
    this.connections.add(pair);
    client.pipe(database).pipe(client);
    for (const socket of pair) {
      socket.on('error', () => undefined); // 'close' follows
      socket.on('close', () => {
        this.connections.delete(pair);
        for (const one of pair) one.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [client] of this.connections) client.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    await this.storage.dispose();
  }
}
