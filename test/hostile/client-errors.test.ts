import { gzipSync } from 'node:zlib';
import { DOWNLOAD_ROUTE } from '../../src/storage/download-links.js';
import type { FileStorage } from '../../src/storage/drivers/file.storage.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { send } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { exchange, lastOf } from '../support/raw-exchange.js';
import { shareApp } from '../support/shared-app.js';
import { sourceOf } from '../storage/objects.js';
import { holdNext } from '../uploads/hold-back.js';

const PAGE = 'https://app.example.org';

/** What Node refuses before the framework hears of it. */
describe('a request that is no HTTP', () => {
  const app = shareApp('sqlite', { env: { CORS_ORIGINS: `https://other.example.org,${PAGE}` } });
  const open = shareApp('sqlite', { env: { CORS_ORIGINS: '*' } });
  const closed = shareApp('sqlite');

  const LIVE = 'GET /health/live HTTP/1.1\r\n';
  const POST = `POST /api/v1/auth/devices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  const origin = `Origin: ${PAGE}\r\n`;
  const broken: [string, string][] = [
    ['a method that is none', `GRAB / HTTP/1.1\r\nHost: x\r\n${origin}\r\n`],
    ['a version that is none', `GET / HTTP/9.9\r\nHost: x\r\n${origin}\r\n`],
    ['garbage instead of headers', `${LIVE}Host: x\r\n${origin}\u0000:\r\n\r\n`],
    ['headers that are too large', `${LIVE}Host: x\r\n${origin}X-Long: ${'x'.repeat(20_000)}\r\n\r\n`],
    ['two lengths', `${POST}${origin}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`],
    ['a length and chunks', `${POST}${origin}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}`],
    ['a chunk whose length is none', `${POST}${origin}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n`],
    ['no Host', `${LIVE}${origin}Connection: close\r\n\r\n`],
    ['a path that is none', `GET /%zz HTTP/1.1\r\nHost: x\r\n${origin}Connection: close\r\n\r\n`],
  ];

  test.each(broken)('with %s gets a problem that the page may read', async (_, bytes) => {
    const reply = lastOf(await exchange(app(), bytes));
    expectProblem(reply, 400, 'BAD_REQUEST');
    expect(reply.headers.get('access-control-allow-origin')).toBe(PAGE);
    expect(reply.headers.get('access-control-expose-headers')).toMatch(/Retry-After/);
    expect(reply.headers.get('vary')).toMatch(/Origin/);
    expect(reply.headers.get('x-request-id')).toBe(reply.body.request_id);
    expect(lastOf(await exchange(open(), bytes)).headers.get('access-control-allow-origin')).toBe('*');
    for (const [server, text] of [
      [app(), bytes.replace(PAGE, 'https://app.example.org.evil.example')],
      [closed(), bytes],
    ] as const) {
      const { status, headers } = lastOf(await exchange(server, text));
      expect([status, headers.get('access-control-allow-origin')]).toEqual([400, null]);
    }
  });

  test('behind one that is being answered waits for that answer, and is told after it', async () => {
    const storage = app().nest.get(ObjectStorage) as FileStorage;
    await storage.write('key', sourceOf(gzipSync('any')));
    const link = await storage.downloadUrl('key', { ttlMs: 60_000, fileName: 'name', origin: app().url });
    const held = holdNext(storage, 'openObject', 'before');
    const { search } = new URL(link.url);
    const answers = exchange(
      app(),
      `GET /api/v1/${DOWNLOAD_ROUTE}${search} HTTP/1.1\r\nHost: x\r\n\r\nGARBAGE\r\n\r\n`,
    );
    await held.reached;
    held.goOn();
    const received = await answers;
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expectProblem(lastOf(received), 400, 'BAD_REQUEST');
  });

  test('leaves the server as it was', async () => {
    for (const server of [app(), open(), closed()])
      expect((await send('GET', `${server.url}/health/live`)).status).toBe(200);
  });

  test('one that expects what nobody knows is answered like any other', async () => {
    const received = await exchange(app(), `${LIVE}Host: x\r\nExpect: magic\r\nConnection: close\r\n\r\n`);
    expect(lastOf(received)).toMatchObject({ status: 200, body: { status: 'ok' } });
  });

  test('one of HTTP/1.0 needs no Host', async () => {
    const received = await exchange(app(), 'GET /health/live HTTP/1.0\r\n\r\n');
    expect(lastOf(received).status).toBe(200);
  });
});
