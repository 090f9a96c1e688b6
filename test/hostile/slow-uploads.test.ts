import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { constants, createGzip } from 'node:zlib';
import { startApp } from '../support/app.js';
import { documentState, hold, packedLayout, pathOf, putContent } from '../support/documents.js';
import { clockOf, expectProblem, until } from '../support/exchange.js';
import type { TestDevice } from '../support/device.js';
import { creating, games } from '../support/records.js';

/** Sends the head of a request and the beginning of its body, and then a little more each second, without end. */
async function trickle(url: string, head: string[], begin: string | Buffer, more: () => string | Buffer) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const chunk = (data: string | Buffer) => {
    socket.write(`${Buffer.byteLength(data).toString(16)}\r\n`);
    socket.write(data);
    socket.write('\r\n');
  };
  socket.write([...head, `Host: ${hostname}`, 'Transfer-Encoding: chunked', '', ''].join('\r\n'));
  chunk(begin);
  const timer = setInterval(() => chunk(more()), 1_000);
  socket.once('close', () => clearInterval(timer));
  return socket;
}

/** The beginning of a gzip that unpacks to so many bytes so far. */
async function gzipBeginning(bytes: number): Promise<Buffer> {
  const gzip = createGzip();
  gzip.write(Buffer.alloc(bytes));
  await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve));
  return gzip.read() as Buffer;
}

/** An empty block of deflate, which unpacks to nothing. */
const EMPTY_BLOCK = Buffer.from([0, 0, 0, 0xff, 0xff]);

async function withSockets(work: (sockets: Socket[]) => Promise<void>): Promise<void> {
  const sockets: Socket[] = [];
  try {
    await work(sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

test('contents that hardly come in keep the document of a stranger waiting only for seconds', async () => {
  await using app = await startApp('sqlite', { env: { MAX_WORKING_COPY_BYTES: '4194304' } });
  const content = packedLayout(['blue'], 300_000);
  const answers: string[] = [];
  await withSockets(async (sockets) => {
    for (let account = 0; account < 2; account++) {
      const device = await app.newDevice();
      for (const video of ['v1', 'v2']) {
        const { sessionId, fencingToken } = await hold(device, video);
        const path = `/api/v1${pathOf(video)}/content?session_id=${sessionId}&fencing_token=${fencingToken}`;
        const head = [
          `PUT ${path} HTTP/1.1`,
          `Authorization: Bearer ${device.accessToken}`,
          'Content-Type: application/gzip',
          'If-Match: "0-0"',
        ];
        const socket = await trickle(app.url, head, await gzipBeginning(250_000), () => EMPTY_BLOCK);
        socket.on('data', (answer: Buffer) => answers.push(answer.toString()));
        sockets.push(socket);
      }
    }
    const stranger = await hold(await app.newDevice(), 'v1');
    const put = async () => {
      const { epoch, server_version } = await documentState(stranger.device, 'v1');
      return putContent(stranger, `${epoch}-${server_version}`, content);
    };
    const refused = await until(put, ({ status }) => status !== 200); // the others have arrived
    expectProblem(refused, 503, 'OVERLOADED');
    await until(put, ({ status }) => status === 200);
    await until(
      async () => answers.join(''),
      (text) => text.includes('OVERLOADED'),
    );
  });
});

test('large pushes that hardly come in keep the push of a stranger waiting only for seconds', async () => {
  await using app = await startApp('sqlite', { env: { MAX_BODY_BYTES: '400000' } });
  const stranger = await app.newDevice();
  const push = async (device: TestDevice) =>
    device.push(creating({ games: games(2_500) }), await clockOf(device));
  await withSockets(async (sockets) => {
    const device = await app.newDevice();
    const head = [
      'POST /api/v1/sync/push HTTP/1.1',
      `Authorization: Bearer ${device.accessToken}`,
      'Content-Type: application/json',
    ];
    for (let n = 0; n < 8; n++)
      sockets.push(await trickle(app.url, head, `{"changes":"${'x'.repeat(390_000)}`, () => 'x'));
    await until(
      () => push(stranger),
      ({ status }) => status === 503,
    );
    await until(
      () => push(stranger),
      ({ status }) => status === 200,
    );
  });
});
