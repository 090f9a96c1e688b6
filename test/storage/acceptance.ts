import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ObjectStorage } from '../../src/storage/storage.js';
import { startApp, type TestApp } from '../support/app.js';
import { sha256, sourceOf, whole } from './objects.js';
import { request } from './requests.js';

const MEGABYTE = 1 << 20;
/** Around the part size of 8 MiB. */
const SIZES = [0, 1, 100_000, 8 * MEGABYTE - 1, 8 * MEGABYTE, 8 * MEGABYTE + 1, 21 * MEGABYTE];
const ODD_KEYS = [
  '',
  '/',
  '/a',
  'a/',
  'a//b',
  '.',
  '..',
  'a/../b',
  'a/./b',
  'a b',
  'a\0',
  'ä',
  'a\\b',
  'a?b',
  '+a',
];

/**
 * The rules for every storage driver. A driver's own test calls this and adds tests for its own features.
 * @param start returns the options of a server with an empty storage
 */
export function acceptStorage(
  start: () => Promise<{ env: Record<string, string>; dispose(): Promise<void> }>,
): void {
  let app: TestApp;
  let store: Awaited<ReturnType<typeof start>> | undefined;
  let storage: ObjectStorage;
  let keys = 0;
  const newKey = (): string => `account/videos/video-${(keys += 1)}/layout/1-1-Ab_c.db.gz`;
  const linkTo = async (key: string, ttlMs = 60_000): Promise<URL> => {
    const download = { ttlMs, fileName: 'my layout.db', origin: app.url };
    return new URL((await storage.downloadUrl(key, download)).url);
  };

  beforeAll(async () => {
    store = await start();
    app = await startApp('sqlite', { env: store.env });
    storage = app.nest.get(ObjectStorage);
  });
  afterAll(async () => {
    await app?.close();
    await store?.dispose();
  });

  test.each(SIZES)('an object of %i bytes is read as it was written', async (sizeBytes) => {
    const [key, bytes] = [newKey(), randomBytes(sizeBytes)];
    expect(await storage.write(key, sourceOf(bytes))).toEqual({ sizeBytes, sha256: sha256(bytes) });
    expect(await storage.stat(key)).toEqual({ sizeBytes });
    expect(sha256(await whole(storage, key))).toBe(sha256(bytes));
  });

  test('what is not there has no size, cannot be read, and can be removed', async () => {
    const key = newKey();
    expect(await storage.stat(key)).toBeNull();
    await expect(storage.read(key)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    await storage.remove(key);
    expect((await request(await linkTo(key))).status).toBe(404);
  });

  test('what is removed is gone, and its neighbours are not', async () => {
    const [gone, kept] = [newKey(), newKey()];
    for (const key of [gone, kept]) await storage.write(key, sourceOf(randomBytes(9 * MEGABYTE)));
    const link = await linkTo(gone);
    await storage.remove(gone);
    await storage.remove(gone);
    expect(await storage.stat(gone)).toBeNull();
    expect(await storage.stat(kept)).toEqual({ sizeBytes: 9 * MEGABYTE });
    expect((await request(link)).status).toBe(404);
  });

  test('the folders of a key are no objects', async () => {
    await storage.write(newKey(), sourceOf(Buffer.from('x')));
    for (const key of ['account', 'account/videos']) {
      expect(await storage.stat(key)).toBeNull();
      await expect(storage.read(key)).rejects.toMatchObject({ code: 'OBJECT_NOT_FOUND' });
    }
  });

  test.each(ODD_KEYS)('%j is no key', async (key) => {
    const refused = /^Not a storage key/;
    await expect(storage.write(key, sourceOf(Buffer.from('x')))).rejects.toThrow(refused);
    await expect(storage.read(key)).rejects.toThrow(refused);
    await expect(storage.stat(key)).rejects.toThrow(refused);
    await expect(storage.remove(key)).rejects.toThrow(refused);
    await expect(linkTo(key)).rejects.toThrow(refused);
  });

  test('while an object is overwritten, readers get the old or the new, never a mixture', async () => {
    const key = newKey();
    const sizeBytes = MEGABYTE;
    const version = (value: number): Buffer => Buffer.alloc(sizeBytes, value);
    await storage.write(key, sourceOf(version(0)));
    let isWriting = true;
    let reads = 0;
    const readOn = async (): Promise<void> => {
      for (let last = 0; isWriting;) {
        // A read may fail if its object is removed meanwhile; if it succeeds, it must be complete.
        const bytes = await whole(storage, key).catch(ignoreUnavailable);
        if (!bytes) continue;
        reads++;
        expect(bytes.length).toBe(sizeBytes);
        expect(bytes.equals(version(bytes[0]!))).toBe(true);
        expect(bytes[0]).toBeGreaterThanOrEqual(last);
        last = bytes[0]!;
      }
    };
    const readers = Promise.all([readOn(), readOn(), readOn()]);
    for (let value = 1; value <= 20; value++) await storage.write(key, sourceOf(version(value)));
    isWriting = false;
    await readers;
    expect(reads).toBeGreaterThan(3);
    expect((await whole(storage, key))[0]).toBe(20);
  });

  test('a reader in the middle of an object that is overwritten goes on with the old, or fails', async () => {
    const key = newKey();
    await storage.write(key, sourceOf(Buffer.alloc(9 * MEGABYTE, 1)));
    const reading = (await storage.read(key))[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const first = (await reading.next()).value as Buffer;
    await storage.write(key, sourceOf(Buffer.alloc(9 * MEGABYTE, 2)));
    const rest = await buffer(Readable.from({ [Symbol.asyncIterator]: () => reading })).catch(() => null);
    if (rest) expect(Buffer.concat([first, rest]).equals(Buffer.alloc(9 * MEGABYTE, 1))).toBe(true);
    expect((await whole(storage, key))[0]).toBe(2);
  });

  test.each([10, 3 * MEGABYTE, 12 * MEGABYTE])(
    'a source that fails after %i bytes leaves the old object',
    async (sizeBytes) => {
      const key = newKey();
      await storage.write(key, sourceOf(Buffer.from('old')));
      const failing = sourceOf(Buffer.alloc(sizeBytes), new Error('The source broke.'));
      await expect(storage.write(key, failing)).rejects.toThrow('The source broke.');
      expect(String(await whole(storage, key))).toBe('old');
    },
  );

  test('a source that fails before it is read, or was given up, leaves nothing', async () => {
    const key = newKey();
    const missing = createReadStream('/nowhere/at/all');
    await expect(storage.write(key, missing)).rejects.toMatchObject({ code: 'ENOENT' });
    const givenUp = sourceOf(Buffer.alloc(100));
    givenUp.destroy();
    await expect(storage.write(key, givenUp)).rejects.toThrow();
    expect(await storage.stat(key)).toBeNull();
  });

  test('a reader who leaves early does no harm', async () => {
    const key = newKey();
    await storage.write(key, sourceOf(randomBytes(9 * MEGABYTE)));
    (await storage.read(key)).destroy();
    for await (const _ of await storage.read(key)) break;
    expect((await whole(storage, key)).length).toBe(9 * MEGABYTE);
  });

  test('a link is inflated by whoever follows it, and saved under its name', async () => {
    const key = newKey();
    const content = Buffer.from('SQLite format 3\0'.repeat(10_000));
    await storage.write(key, sourceOf(gzipSync(content)));
    const answer = await fetch(await linkTo(key));
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/vnd.sqlite3');
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="my layout.db"');
    expect(Buffer.from(await answer.arrayBuffer()).equals(content)).toBe(true);
  });

  test('a link says how long it works, and works no longer', async () => {
    const key = newKey();
    await storage.write(key, sourceOf(gzipSync('x')));
    const before = Date.now();
    const { url, expiresAt } = await storage.downloadUrl(key, {
      ttlMs: 5_000,
      fileName: 'x',
      origin: app.url,
    });
    expect(expiresAt).toBeGreaterThan(before);
    expect(expiresAt).toBeLessThanOrEqual(Date.now() + 5_000);
    const link = new URL(url);
    expect((await request(link)).status).toBe(200);
    while ((await request(link)).status === 200) {
      expect(Date.now()).toBeLessThan(expiresAt + 5_000);
      await delay(50);
    }
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt - 1_000);
    expect((await request(link)).status).toBe(403);
  });

  test('a link is for one object: whatever is changed in it makes it useless', async () => {
    const [key, other] = [newKey(), newKey()];
    for (const each of [key, other]) await storage.write(each, sourceOf(gzipSync(each)));
    const link = await linkTo(key);
    const forged = [...link.searchParams].flatMap(([name, value]) => {
      const [changed, missing] = [new URL(link), new URL(link)];
      changed.searchParams.set(
        name,
        value.endsWith('1') ? `${value.slice(0, -1)}2` : `${value.slice(0, -1)}1`,
      );
      missing.searchParams.delete(name);
      return name === 'x-id' ? [] : [changed, missing];
    });
    const [from, to] = [key, other].map((each) => each.split('/')[2]!);
    forged.push(new URL(link.href.replace(from!, to!)));
    expect(forged.length).toBeGreaterThan(8);
    for (const address of forged) expect([400, 403]).toContain((await request(address)).status);
    expect((await request(link)).status).toBe(200);
  });

  test('a link is for reading', async () => {
    const key = newKey();
    await storage.write(key, sourceOf(gzipSync('kept')));
    const link = await linkTo(key);
    for (const method of ['PUT', 'POST', 'DELETE', 'PATCH']) {
      expect((await request(link, { method, body: 'x' })).status).toBeGreaterThanOrEqual(400);
    }
    expect(await whole(storage, key)).toEqual(gzipSync('kept'));
  });

  test('a part of an object can be asked for', async () => {
    const [key, bytes] = [newKey(), gzipSync(randomBytes(10_000))];
    const sizeBytes = bytes.length;
    await storage.write(key, sourceOf(bytes));
    const link = await linkTo(key);
    for (const [range, expected, part] of [
      ['bytes=0-0', bytes.subarray(0, 1), '0-0'],
      ['bytes=100-199', bytes.subarray(100, 200), '100-199'],
      ['bytes=9000-', bytes.subarray(9_000), `9000-${sizeBytes - 1}`],
      ['bytes=9000-99999', bytes.subarray(9_000), `9000-${sizeBytes - 1}`],
      ['bytes=-1', bytes.subarray(-1), `${sizeBytes - 1}-${sizeBytes - 1}`],
    ] as const) {
      const answer = await request(link, { headers: { range } });
      expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes ${part}/${sizeBytes}`]);
      expect(answer.body.equals(expected)).toBe(true);
    }
    expect((await request(link, { headers: { range: `bytes=${sizeBytes}-` } })).status).toBe(416);
    expect((await request(link)).body.equals(bytes)).toBe(true);
  });
}

function ignoreUnavailable(error: unknown): null {
  expect(error).toMatchObject({ code: expect.stringMatching(/^(STORAGE_UNAVAILABLE|OBJECT_NOT_FOUND)$/) });
  return null;
}
