import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { truncateSync } from 'node:fs';
import { get, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { pino } from 'pino';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openStorage } from '../../src/storage/open.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { startApp, type TestApp } from '../support/app.js';
import { until } from '../support/exchange.js';
import { openFiles, tellsOpenFiles, testOpenFiles } from '../support/open-files.js';
import { shareApp, TestClock } from '../support/shared-app.js';
import { createStorage } from '../support/storage.js';
import { sourceOf } from './objects.js';
import { request, type RawAnswer } from './requests.js';

const KEY = 'account/videos/video/layout/1-1-random.db.gz';
const BYTES = gzipSync('SQLite format 3\0'.repeat(1_000));
const SECRETS = ['a'.repeat(40), 'b'.repeat(40)] as const;

/** More than the system's buffers take from a server at once. */
const LARGE = gzipSync(randomBytes(64_000_000), { level: 0 });

async function linkToLarge(app: TestApp): Promise<URL> {
  const storage = app.nest.get(ObjectStorage);
  await storage.write(KEY, sourceOf(LARGE));
  return new URL((await storage.downloadUrl(KEY, { ttlMs: 60_000, fileName: 'x', origin: app.url })).url);
}

/** Requests all links at once, over one connection. */
function ask(links: URL[]): Socket {
  const [{ port, hostname }] = links as [URL];
  const socket = connect(Number(port), hostname);
  for (const { pathname, search, host } of links)
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  return socket;
}

const storeOf = (app: TestApp): string => join(app.storage.env.DATA_DIR!, 'storage');

function connectionsOf(app: TestApp): () => Promise<number> {
  const server = app.nest.getHttpServer() as Server;
  return promisify(server.getConnections.bind(server));
}

/** Downloads that the server itself sends, of objects in files. */
describe('a download from the server', () => {
  const clock = new TestClock();
  const app = shareApp('sqlite', { now: clock.now });

  const linkTo = async (to: TestApp, fileName = 'layout.db', key = KEY): Promise<URL> => {
    const storage = to.nest.get(ObjectStorage);
    await storage.write(key, sourceOf(BYTES));
    return new URL((await storage.downloadUrl(key, { ttlMs: 60_000, fileName, origin: to.url })).url);
  };
  const expectProblem = (answer: RawAnswer, status: number, code: string): void => {
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(String(answer.body))).toMatchObject({ status, code });
    expect(answer.status).toBe(status);
  };

  test('says all about itself, and is kept by nobody on the way', async () => {
    const answer = await request(await linkTo(app()));
    expect(answer.body.equals(BYTES)).toBe(true);
    expect(answer.headers).toMatchObject({
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-store, no-transform',
      'content-disposition': 'attachment; filename=layout.db',
      'content-encoding': 'gzip',
      'content-length': String(BYTES.length),
      'content-type': 'application/vnd.sqlite3',
      etag: expect.stringMatching(/^"[\w-]+"$/),
      'x-content-type-options': 'nosniff',
    });
  });

  test('is described by HEAD, which brings nothing', async () => {
    const link = await linkTo(app());
    const [got, described] = [await request(link), await request(link, { method: 'HEAD' })];
    const lasting = ({ date: _, 'x-request-id': __, ...rest }: RawAnswer['headers']) => rest;
    expect(described.body.length).toBe(0);
    expect([described.status, lasting(described.headers)]).toEqual([200, lasting(got.headers)]);
  });

  test.each([
    [
      'Ünïcode “layout”.db',
      `attachment; filename="?n?code ?layout?.db"; filename*=UTF-8''%C3%9Cn%C3%AFcode%20%E2%80%9Clayout%E2%80%9D.db`,
    ],
    ['a"b\\c.db', 'attachment; filename="a\\"b\\\\c.db"'],
    [
      'a\r\nSet-Cookie: b',
      `attachment; filename="a??Set-Cookie: b"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b`,
    ],
  ])('is saved under the name %j', async (fileName, header) => {
    expect((await request(await linkTo(app(), fileName))).headers['content-disposition']).toBe(header);
  });

  test('is refused when the address has expired, to the millisecond', async () => {
    const link = await linkTo(app());
    clock.ms += 59_999;
    expect((await request(link)).status).toBe(200);
    clock.ms += 1;
    expectProblem(await request(link), 403, 'DOWNLOAD_REFUSED');
  });

  test('is refused when anything in the address is another, missing, or there twice', async () => {
    const link = await linkTo(app());
    await linkTo(app(), 'x', 'account/other');
    const changes: ((query: URLSearchParams) => void)[] = [
      (query) => query.set('key', 'account/other'),
      (query) => query.set('name', 'evil.html'),
      (query) => query.set('expires', `${query.get('expires')}0`),
      (query) => query.set('expires', ` ${query.get('expires')}`),
      (query) => query.set('signature', query.get('signature')!.slice(0, -1)),
      (query) => query.set('signature', `${query.get('signature')}=`),
      (query) => query.set('signature', ''),
    ];
    for (const name of ['key', 'name', 'expires', 'signature']) {
      changes.push((query) => query.delete(name));
      changes.push((query) => query.append(name, query.get(name)!));
    }
    for (const change of changes) {
      const forged = new URL(link);
      change(forged.searchParams);
      expectProblem(await request(forged), 403, 'DOWNLOAD_REFUSED');
    }
    // The signature's last letter has two unused bits, so different letters decode to the same bytes.
    for (const letter of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_') {
      const forged = new URL(link);
      const signature = link.searchParams.get('signature')!;
      forged.searchParams.set('signature', signature.slice(0, -1) + letter);
      expect((await request(forged)).status).toBe(signature.endsWith(letter) ? 200 : 403);
    }
  });

  test('by a link of another server is refused; one made before the secret changed works on', async () => {
    const storage = await createStorage('sqlite');
    try {
      const links: URL[] = [];
      for (const secret of SECRETS) {
        await using before = await startApp('sqlite', { storage, env: { JWT_SECRET: secret } });
        links.push(await linkTo(before));
      }
      await using after = await startApp('sqlite', {
        storage,
        env: { JWT_SECRET: 'c'.repeat(40), JWT_SECRET_PREVIOUS: SECRETS[1] },
      });
      const at = (link: URL): URL => new URL(link.pathname + link.search, after.url);
      expectProblem(await request(at(links[0]!)), 403, 'DOWNLOAD_REFUSED');
      expect((await request(at(links[1]!))).status).toBe(200);
    } finally {
      await storage.dispose();
    }
  });

  test('of an object that is no longer there is not found', async () => {
    const link = await linkTo(app(), 'x', 'account/gone');
    await app().nest.get(ObjectStorage).remove('account/gone');
    expectProblem(await request(link), 404, 'OBJECT_NOT_FOUND');
  });

  test('goes on where it broke off only while the object is the same', async () => {
    const link = await linkTo(app());
    const { etag } = (await request(link)).headers;
    const resume = () => request(link, { headers: { range: 'bytes=10-', 'if-range': etag! } });
    expect([(await resume()).status, (await resume()).body.equals(BYTES.subarray(10))]).toEqual([206, true]);
    await linkTo(app());
    expect([(await resume()).status, (await resume()).body.equals(BYTES)]).toEqual([200, true]);
  });

  test('of a part beyond the end is refused, and says where the end is', async () => {
    const link = await linkTo(app());
    for (const range of [`bytes=${BYTES.length}-`, 'bytes=99999999999999999999-', 'bytes=-0']) {
      const answer = await request(link, { headers: { range } });
      expectProblem(answer, 416, 'RANGE_INVALID');
      expect(answer.headers['content-range']).toBe(`bytes */${BYTES.length}`);
    }
  });

  test.each(['bytes=0-1,3-4', 'bytes=5-3', 'bytes=-', 'bytes=a-b', 'lines=1-2', 'bytes', ''])(
    'asked for %j is of the whole',
    async (range) => {
      const answer = await request(await linkTo(app()), { headers: { range } });
      expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true]);
    },
  );

  test('leaves no address in the log', async () => {
    const lines: string[] = [];
    const sink = new Writable({ write: (line, _, done) => (lines.push(String(line)), done()) });
    const data = await createStorage('sqlite');
    const nest = await createApp(loadConfig({ env: { ...data.env, HOST: '127.0.0.1' } }), {
      logger: pino({ level: 'trace' }, sink),
    });
    try {
      await nest.listen(0, '127.0.0.1');
      const storage = nest.get(ObjectStorage);
      await storage.write(KEY, sourceOf(BYTES));
      const origin = await nest.getUrl();
      const link = new URL((await storage.downloadUrl(KEY, { ttlMs: 60_000, fileName: 'n', origin })).url);
      await request(link);
      await request(link, { headers: { range: 'bytes=99999-' } });
      await storage.remove(KEY);
      await request(link);
      const log = lines.join('');
      expect(log.match(/"route":"\/api\/v1\/storage\/object"/g)).toHaveLength(3);
      for (const secret of [link.searchParams.get('signature')!, KEY, 'signature='])
        expect(log).not.toContain(secret);
    } finally {
      await nest.close();
      await data.dispose();
    }
  });

  test('that nobody takes is cut off, and the file is closed', async () => {
    await using impatient = await startApp('sqlite', { env: { PULL_STALL_SECONDS: '1' } });
    const link = await linkToLarge(impatient);
    const connections = connectionsOf(impatient);
    const before = await connections();
    const socket = ask([link]);
    socket.pause();
    try {
      await until(connections, (count) => count > before);
      await until(connections, (count) => count === before);
      if (tellsOpenFiles) await until(openFiles(storeOf(impatient)), (count) => count === 0);
    } finally {
      socket.destroy();
    }
  });

  testOpenFiles(
    'that people break off closes the file, and the one asked for behind it opens none',
    async () => {
      await using app = await startApp('sqlite');
      const link = await linkToLarge(app);
      const socket = ask([link, link]);
      await once(socket, 'data');
      await until(openFiles(storeOf(app)), (count) => count === 1);
      socket.destroy();
      await until(openFiles(storeOf(app)), (count) => count === 0);
    },
  );

  test('of a file that is cut off meanwhile breaks off: nobody takes a part for the whole', async () => {
    await using app = await startApp('sqlite');
    const link = await linkToLarge(app);
    const answer = await new Promise<IncomingMessage>((resolve) => get(link, { agent: false }, resolve));
    truncateSync(join(storeOf(app), KEY), 100);
    let bytes = 0;
    await expect(async () => {
      for await (const chunk of answer) bytes += (chunk as Buffer).length;
    }).rejects.toThrow('aborted');
    expect(bytes).toBeLessThan(LARGE.length);
  });

  test('comes whole, however many are taken at a time, and however slowly', async () => {
    const key = 'account/random';
    const bytes = gzipSync(randomBytes(3_000_001));
    await app().nest.get(ObjectStorage).write(key, sourceOf(bytes));
    const { url } = await app()
      .nest.get(ObjectStorage)
      .downloadUrl(key, { ttlMs: 60_000, fileName: 'x', origin: app().url });
    const take = async (pauseMs: number): Promise<Buffer> => {
      const answer = await new Promise<IncomingMessage>((resolve) => get(url, { agent: false }, resolve));
      const chunks: Buffer[] = [];
      for await (const chunk of answer) {
        chunks.push(chunk as Buffer);
        if (pauseMs > 0) await delay(pauseMs);
      }
      return Buffer.concat(chunks);
    };
    const taken = await Promise.all([0, 1, 2, 3, 0, 1, 2, 3].map(take));
    expect(taken.every((one) => one.equals(bytes))).toBe(true);
  });

  test('is no business of a server whose objects lie elsewhere', async () => {
    const link = await linkTo(app());
    await using elsewhere = await startApp('sqlite', {
      env: { STORAGE_URL: 's3://bucket?region=here', S3_ACCESS_KEY_ID: 'a', S3_SECRET_ACCESS_KEY: 'b' },
    });
    expectProblem(await request(new URL(link.pathname + link.search, elsewhere.url)), 404, 'NOT_FOUND');
  });

  test('is made for the address that people reach the server by', async () => {
    const storage = await openStorage(
      loadConfig({ env: { ...app().storage.env, API_PREFIX: '/x' } }),
      clock.now,
    );
    const { url, expiresAt } = await storage.downloadUrl(KEY, {
      ttlMs: 1_000,
      fileName: 'n',
      origin: 'https://sync.example.org',
    });
    expect(url).toMatch(/^https:\/\/sync\.example\.org\/x\/storage\/object\?key=/);
    expect(expiresAt).toBe(clock.ms + 1_000);
  });
});
