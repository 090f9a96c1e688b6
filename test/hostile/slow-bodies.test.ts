import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startApp, type TestApp } from '../support/app.js';

/** Begins a request whose body is said to be longer than what is sent of it. */
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

/** Bodies that come slowly, or never to their end. */
describe('slow bodies', () => {
  test('one that brings nothing more is cut off, without a token too', async () => {
    await using app = await startApp('sqlite');
    const socket = begin(app, '/auth/devices', '', Buffer.from('{'));
    await once(socket, 'close');
  });
});
