import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestApp } from './app.js';
import type { Reply } from './device.js';

/** Sends bytes and reads until the server closes the connection. @returns all answers as they came */
export async function exchange(app: TestApp, bytes: string): Promise<string> {
  const { hostname, port } = new URL(app.url);
  const socket = connect(Number(port), hostname);
  let received = '';
  socket.on('data', (data: Buffer) => (received += data.toString('latin1'))).on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return received;
}

/** The last of several answers. */
export function lastOf(received: string): Reply {
  const [head, body] = received.slice(received.lastIndexOf('HTTP/1.1 ')).split('\r\n\r\n') as [
    string,
    string,
  ];
  const [status, ...fields] = head.split('\r\n');
  const headers = new Headers(
    fields.map((field): [string, string] => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon), field.slice(colon + 1).trim()];
    }),
  );
  return { status: Number(status!.split(' ')[1]), headers, body: JSON.parse(body) as unknown };
}
