import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import type { Server, Socket } from 'socket.io';
import type { Hello, Ping, Pong, TokenAccepted } from '../../src/protocol/events.js';

/** Has as many messages as Tidemark's gateway. */
@WebSocketGateway({ transports: ['websocket'], serveClient: false })
class StockGateway {
  @WebSocketServer() readonly io!: Server;

  afterInit(io: Server): void {
    io.engine.on('connection', (raw: { request: unknown }) => (raw.request = null));
  }

  handleConnection(socket: Socket): void {
    const { room } = socket.handshake.auth as { room: string };
    void socket.join(room);
    socket.emit('hello', {} as Hello);
  }

  @SubscribeMessage('ping')
  ping(_socket: Socket, { n }: Ping): Pong {
    return { n, timestamp: Date.now() };
  }

  @SubscribeMessage('token')
  token(): TokenAccepted {
    return { token_expires_at: 0 };
  }
}

@Module({ providers: [StockGateway] })
class StockModule {}

/** Starts a server on Nest's own Socket.IO adapter that does the same as the bare Socket.IO server. */
export async function startStock(): Promise<{ url: string; io: Server }> {
  const app = await NestFactory.create<NestFastifyApplication>(StockModule, new FastifyAdapter(), {
    logger: false,
  });
  app.useWebSocketAdapter(new IoAdapter(app));
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), io: app.get(StockGateway).io };
}
