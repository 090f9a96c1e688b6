import { createSecretKey } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { JwtService } from '@nestjs/jwt';
import { Server } from 'socket.io';
import type { Changes, Hello, Ping, Pong } from '../../src/protocol/events.js';
import { answerCalls } from '../lab/remote.js';
import { Probe } from '../server/probe.js';
import { paced, type Broadcasts } from './broadcasts.js';
import { startStock } from './stock-gateway.js';

// Servers that only hold connections and send announcements: `other-server.ts bare` (Socket.IO alone), `other-server.ts
// stock` (the same on Nest's own adapter) or `other-server.ts hocuspocus`, which verifies each token's signature as Tidemark
// does.

interface Other {
  url: string;
  broadcast(room: string, announcement: Changes): void;
}

async function startBare(): Promise<Other> {
  const server = createServer();
  const io = new Server(server, { transports: ['websocket'], serveClient: false });
  io.engine.on('connection', (raw: { request: unknown }) => (raw.request = null));
  io.on('connection', (socket) => {
    const { room } = socket.handshake.auth as { room: string };
    void socket.join(room);
    socket.on('ping', ({ n }: Ping, answer: (pong: Pong) => void) => answer({ n, timestamp: Date.now() }));
    socket.emit('hello', {} as Hello);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    broadcast: (room, announcement) => void io.to(room).emit('changes', announcement),
  };
}

/** The part of Hocuspocus that is used here. */
interface Hocuspocus {
  Server: new (settings: object) => {
    listen(): Promise<unknown>;
    address: { port: number };
    hocuspocus: { documents: Map<string, { broadcastStateless(payload: string): void }> };
  };
}

async function startHocuspocus(): Promise<Other> {
  const require = createRequire(join(process.cwd(), 'bench', 'peers', 'package.json'));
  const { Server: HocuspocusServer } = require('@hocuspocus/server') as Hocuspocus;
  const secret = createSecretKey(Buffer.from(process.env.JWT_SECRET!)) as unknown as Buffer;
  const jwt = new JwtService();
  const server = new HocuspocusServer({
    port: 0,
    address: '127.0.0.1',
    quiet: true,
    stopOnSignals: false,
    onAuthenticate: async ({ token }: { token: string }) =>
      jwt.verify<object>(token, { secret, algorithms: ['HS256'] }),
  });
  await server.listen();
  return {
    url: `http://127.0.0.1:${server.address.port}`,
    broadcast: (room, announcement) =>
      server.hocuspocus.documents.get(room)!.broadcastStateless(JSON.stringify(announcement)),
  };
}

async function startOnNest(): Promise<Other> {
  const { url, io } = await startStock();
  return { url, broadcast: (room, announcement) => void io.to(room).emit('changes', announcement) };
}

const starts: Record<string, () => Promise<Other>> = {
  bare: startBare,
  stock: startOnNest,
  hocuspocus: startHocuspocus,
};
const other = await starts[process.argv[2]!]!();
const probe = new Probe();

const calls = {
  url: () => other.url,
  watch: () => probe.watch(),
  unwatch: () => probe.unwatch(),
  settle: () => probe.settle(),
  broadcast: (broadcasts: Broadcasts) =>
    paced(broadcasts, (room, timestamp) => other.broadcast(room, { timestamp, device_id: 'bench' })),
};
/** The functions of such a server. */
export type OtherCalls = typeof calls;

answerCalls(calls);
