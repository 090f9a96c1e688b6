import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { runInThisContext } from 'node:vm';
import { Module, UseFilters } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io, type Socket } from 'socket.io-client';
import { loadConfig } from '../../src/foundation/config/config.js';
import { AppError } from '../../src/foundation/errors/app-error.js';
import { Cluster } from '../../src/foundation/sockets/cluster.js';
import { SocketIoAdapter } from '../../src/foundation/sockets/io.adapter.js';
import { SocketProblemFilter } from '../../src/foundation/sockets/socket-problem.filter.js';

@UseFilters(new SocketProblemFilter(['DEVICE_REVOKED']))
@WebSocketGateway()
class Clocks {
  @SubscribeMessage('time')
  time(): { time: number } {
    return { time: 5 };
  }

  @SubscribeMessage('locked')
  locked(): never {
    throw new AppError('LOCK_HELD', { holder: 'someone' });
  }

  @SubscribeMessage('broken')
  broken(): never {
    throw new TypeError('a secret of the server');
  }

  @SubscribeMessage('gone')
  gone(): never {
    throw new AppError('DEVICE_REVOKED');
  }
}

@WebSocketGateway()
class Echoes {
  @SubscribeMessage('echo')
  echo(_socket: unknown, payload: unknown): { payload: unknown } {
    return { payload };
  }
}

// A pattern of the server's realm: Socket.IO distinguishes patterns from names by their class.
const VIDEO = runInThisContext('/^\\/videos\\/\\d+$/') as RegExp;

@WebSocketGateway({ namespace: VIDEO })
class Videos {
  @SubscribeMessage('time')
  time(): { time: string } {
    return { time: 'in a video' };
  }
}

@Module({ providers: [Clocks, Echoes, Videos] })
class Gateways {}

describe('gateways on one Socket.IO server', () => {
  let app: NestFastifyApplication;
  const sockets: Socket[] = [];

  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(Gateways, new FastifyAdapter(), { logger: false });
    app.useWebSocketAdapter(new SocketIoAdapter(app, new Cluster(loadConfig({ env: {} }))));
    await app.listen(0, '127.0.0.1');
  });
  afterEach(() => sockets.splice(0).forEach((socket) => socket.disconnect()));
  afterAll(() => app.close());

  const connect = (namespace = '/') => {
    const { port } = (app.getHttpServer() as Server).address() as AddressInfo;
    const options = { transports: ['websocket'], forceNew: true };
    const socket = io(`http://127.0.0.1:${port}${namespace}`, options);
    sockets.push(socket);
    return socket;
  };
  const ask = (socket: Socket, name: string, payload: unknown = {}): Promise<unknown> =>
    socket.timeout(10_000).emitWithAck(name, payload);

  test('a socket is answered by each gateway of its namespace', async () => {
    const socket = connect();
    expect(await ask(socket, 'time')).toEqual({ time: 5 });
    expect(await ask(socket, 'echo', ['a'])).toEqual({ payload: ['a'] });
  });

  test('an event is refused that no gateway of the namespace knows', async () => {
    for (const [socket, name] of [
      [connect(), 'nothing'],
      [connect('/videos/7'), 'echo'],
    ] as const) {
      const problem = expect.objectContaining({ code: 'BAD_REQUEST', detail: 'There is no such event.' });
      expect(await ask(socket, name)).toEqual({ problem });
    }
  });

  test('a namespace by a pattern has its own gateway', async () => {
    const socket = connect('/videos/7');
    expect(await ask(socket, 'time')).toEqual({ time: 'in a video' });
  });

  test('what a handler throws is answered as a problem, and the connection lives on', async () => {
    const socket = connect();
    expect(await ask(socket, 'locked')).toEqual({
      problem: expect.objectContaining({ code: 'LOCK_HELD', status: 423, holder: 'someone' }),
    });
    const answer = await ask(socket, 'broken');
    expect(answer).toEqual({ problem: expect.objectContaining({ code: 'INTERNAL', status: 500 }) });
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(await ask(socket, 'time')).toEqual({ time: 5 });
  });

  test('after a final problem the server hangs up', async () => {
    const socket = connect();
    const closed = new Promise((resolve) => socket.once('closed', resolve));
    const ended = new Promise((resolve) => socket.once('disconnect', resolve));
    expect(await ask(socket, 'gone')).toMatchObject({ problem: { code: 'DEVICE_REVOKED' } });
    expect(await closed).toMatchObject({ code: 'DEVICE_REVOKED' });
    expect(await ended).toBe('io server disconnect');
  });
});
