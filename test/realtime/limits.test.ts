import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import fc from 'fast-check';
import type { Problem } from '../../src/protocol/errors.js';
import { forEachDatabase } from '../support/app.js';
import { store, until } from '../support/exchange.js';
import { evening } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { deviceAuth, TestSocket } from '../support/socket.js';

const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'];

forEachDatabase((database) => {
  const app = shareApp(database, { env: { MAX_SOCKETS_PER_DEVICE: '3' } });

  test('a frame that is too large ends the connection with code 1009', async () => {
    using socket = await TestSocket.connect(await app().newDevice(), {}, { reconnection: false });
    socket.client.emit('ping', { n: 1, padding: 'x'.repeat(17_000) });
    expect(await socket.ended()).toEqual({ reason: 'transport close', closeCode: 1009 });
  });

  test('one connection more than a device may have closes the oldest', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    using others = await TestSocket.connect(other);
    using first = await TestSocket.connect(device);
    using second = await TestSocket.connect(device);
    using third = await TestSocket.connect(device);
    using fourth = await TestSocket.connect(device);
    expect(await first.closed()).toMatchObject({ status: 429, code: 'TOO_MANY_CONNECTIONS' });
    for (const socket of [others, second, third, fourth]) expect((await socket.ping()).n).toBe(1);
  });

  test('a client that sends without end is closed, others of the account are not', async () => {
    const device = await app().newDevice();
    using calm = await TestSocket.connect(device);
    using flood = await TestSocket.connect(device);
    for (let n = 0; n < 200; n++) flood.client.emit('ping', { n });
    expect(await flood.closed()).toMatchObject({ status: 429, code: 'RATE_LIMITED', retry_after: 5 });
    expect((await calm.ping()).n).toBe(1);
  });

  test('who came by a link may send less', async () => {
    const device = await app().newDevice();
    await store(device, evening('e'));
    const { url } = (await device.request('POST', '/games/e-game/shares')).body as { url: string };
    using watcher = await TestSocket.watch(device.url, url.split('/').at(-1)!);
    for (let n = 0; n < 40; n++) watcher.client.emit('ping', { n });
    expect(await watcher.closed()).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  });

  test('an event that does not exist is answered with BAD_REQUEST when an answer is wanted', async () => {
    using socket = await TestSocket.connect(await app().newDevice());
    for (const name of ['nothing', '__proto__', 'constructor', 'hello', 'error', '']) {
      const { problem } = await socket.ask<{ problem: Problem }>(name, { n: 1 });
      expect(problem).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    }
    expect((await socket.ping()).n).toBe(1);
  });

  test('a connection has one handshake: the second one ends it', async () => {
    const device = await app().newDevice();
    const auth = { ...deviceAuth(device), access_token: 'abc.def.ghi' };
    using socket = new TestSocket(device.url, auth, { reconnection: false });
    const packets: string[] = [];
    let isClosed = false;
    socket.client.io.once('close', () => (isClosed = true));
    socket.client.io.once('open', () => {
      const { engine } = socket.client.io;
      engine.on('packet', ({ data }: { data?: string }) => packets.push(String(data)));
      // A second handshake with a valid token, before the server has answered the first.
      engine.write(`0${JSON.stringify(deviceAuth(device))}`);
    });
    await until(
      () => isClosed,
      (closed) => closed,
    );
    expect(packets.join()).not.toContain('hello');
  });

  const beginUpgrade = async (path: string) => {
    const { hostname, port } = new URL(app().url);
    const upgraded = once(app().nest.getHttpServer() as Server, 'upgrade');
    const connection = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    connection.on('error', () => undefined).resume();
    connection.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const [, serverSide] = (await upgraded) as [unknown, Socket];
    return { connection, serverSide };
  };

  test.each(['/', '/foo', '/socket.io', '/socket.iox/'])(
    'an upgrade of %s is ended without waiting for the client to close',
    async (path) => {
      const { connection, serverSide } = await beginUpgrade(path);
      if (!serverSide.closed) await once(serverSide, 'close');
      connection.destroy();
    },
  );

  test.each(['/foo', '/socket.io/?EIO=4&transport=websocket', '/socket.io/?EIO=4&transport=none'])(
    'a connection that breaks in its upgrade of %s harms nobody',
    async (path) => {
      const { connection, serverSide } = await beginUpgrade(path);
      connection.resetAndDestroy();
      if (!serverSide.closed) await once(serverSide, 'close');
      using after = await TestSocket.connect(await app().newDevice());
      expect((await after.ping()).n).toBe(1);
    },
  );

  test('whatever is sent, the server stays up and answers others', async () => {
    const device = await app().newDevice();
    const neighbor = await app().newDevice();
    using calm = await TestSocket.connect(neighbor);
    const anyEvent = fc.record({
      name: fc.oneof(fc.string(), fc.constantFrom('ping', 'token', 'hello', 'changes', 'closed')),
      payload: fc.array(fc.anything({ withBigInt: false, maxDepth: 3 }), { maxLength: 3 }),
      isAsking: fc.boolean(),
    });
    const anyFrame = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom('0', '1', '2', '3', '4', '51-', '511-', '2["ping",', '20["ping"'), fc.string())
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEvent, { maxLength: 10 }),
        fc.array(anyFrame, { maxLength: 5 }),
        async (events, frames) => {
          using socket = await TestSocket.connect(device, {}, { reconnection: false });
          for (const { name, payload, isAsking } of events) {
            if (RESERVED.includes(name)) continue;
            try {
              socket.client.emit(name, ...payload, ...(isAsking ? [() => undefined] : []));
            } catch (error) {
              // The client cannot send a payload that has no JSON form.
              expect(error).toBeInstanceOf(TypeError);
            }
          }
          for (const frame of frames) socket.client.io.engine.write(frame);
          expect((await calm.ping(3)).n).toBe(3);
        },
      ),
      { numRuns: 40 },
    );
    using after = await TestSocket.connect(device);
    expect((await after.ping()).n).toBe(1);
  });
});
