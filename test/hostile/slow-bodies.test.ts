import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startApp, type TestApp } from '../support/app.js';
import { clockOf, expectProblem, until } from '../support/exchange.js';
import { creating, game } from '../support/records.js';

const LIMIT = 2_000_000;
/** How many bodies of the maximum size large bodies may take together. */
const HELD = 8;

/** Begins a request that announces a longer body than it sends. */
function begin(app: TestApp, path: string, more: string, body: Buffer): Socket {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  socket.resume().on('error', () => undefined);
  socket.write(
    `POST /api/v1${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}` +
      `Content-Length: ${body.length + 1}\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

/** Bodies that arrive slowly or never completely. */
describe('slow bodies', () => {
  test('large ones take only so much memory together, and who goes away makes room', async () => {
    await using app = await startApp('sqlite', { env: { MAX_BODY_BYTES: String(LIMIT) } });
    const device = await app.newDevice();
    const query = { last_pulled_at: await clockOf(device) };
    const token = `Authorization: Bearer ${device.accessToken}\r\n`;
    const large = Buffer.alloc(LIMIT - 1, ' ');
    const sockets: Socket[] = [];
    const body = JSON.stringify(creating({ games: [game('g1')] }));
    const refused = await until(
      async () => {
        // A request that arrived together with another large one may itself have been refused.
        for (let n = 0; n < HELD; n += 1) {
          if (!(sockets[n]?.bytesRead === 0)) sockets[n] = begin(app, '/sync/push', token, large);
        }
        await until(
          () => sockets.every(({ writableLength }) => writableLength === 0),
          (areSent) => areSent,
        );
        return device.request('POST', '/sync/push', { query, body: body.padEnd(LIMIT) });
      },
      ({ status }) => status !== 200,
    );
    expectProblem(refused, 503, 'OVERLOADED');
    expect((await device.request('POST', '/sync/push', { query, body })).status).toBe(200);

    for (const socket of sockets) socket.destroy();
    await until(
      () => device.request('POST', '/sync/push', { query, body: body.padEnd(LIMIT) }),
      ({ status }) => status === 200,
    );
  });

  test('one that brings nothing more is cut off, without a token too', async () => {
    await using app = await startApp('sqlite');
    const socket = begin(app, '/auth/devices', '', Buffer.from('{'));
    await once(socket, 'close');
  });
});
