import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { loadConfig } from '../../src/foundation/config/config.js';
import { type AppError } from '../../src/foundation/errors/app-error.js';
import { makeS3Client } from '../../src/storage/drivers/s3-client.js';
import { parseS3Url, type S3Options } from '../../src/storage/drivers/s3-url.js';
import { S3Storage } from '../../src/storage/drivers/s3.storage.js';
import { describeWithObjectStore, type ObjectStore } from '../support/object-store.js';
import { FaultyStore, type Fault } from './faulty-store.js';
import { sourceOf, whole } from './objects.js';
import { request } from './requests.js';

/** Timeouts for silent stores; all others get those of production, as this machine may be busy. */
const IMPATIENCE = { connectMs: 1_000, idleMs: 1_000, answerMs: 10_000 };
const KEY = 'account/videos/video/layout/1-1-random.db.gz';
const SMALL = randomBytes(100_000);
const LARGE = randomBytes(20_000_000);
const UNAVAILABLE = { code: 'STORAGE_UNAVAILABLE' };

describeWithObjectStore('an S3 store', (start) => {
  let store: ObjectStore;
  let options: S3Options;
  let way: FaultyStore;
  let storage: S3Storage;
  let impatient: S3Storage;

  beforeAll(async () => {
    store = await start();
    const direct = parseS3Url(store.env.STORAGE_URL!, loadConfig({ env: store.env }));
    way = new FaultyStore(direct.endpoint!);
    options = { ...direct, endpoint: await way.listen() };
  });
  beforeEach(() => {
    way.fault = () => undefined;
    storage = new S3Storage(options, Date.now);
    impatient = new S3Storage(options, Date.now, IMPATIENCE);
  });
  afterEach(() => {
    storage.onApplicationShutdown();
    impatient.onApplicationShutdown();
  });
  afterAll(async () => {
    await way?.[Symbol.asyncDispose]();
    await store?.dispose();
  });

  const keepOld = () => storage.write(KEY, sourceOf(Buffer.from('old')));
  const expectOld = async (): Promise<void> => {
    way.fault = () => undefined;
    expect(String(await whole(storage, KEY))).toBe('old');
    expect(await unfinishedUploads()).toEqual([]);
  };
  const unfinishedUploads = async (): Promise<unknown[]> => {
    const client = makeS3Client(options);
    try {
      const list = new ListMultipartUploadsCommand({ Bucket: options.bucket });
      return (await client.send(list)).Uploads ?? [];
    } finally {
      client.destroy();
    }
  };
  const every = (of: S3Storage): [string, () => Promise<unknown>][] => [
    ['write', () => of.write(KEY, sourceOf(SMALL))],
    ['write in parts', () => of.write(KEY, sourceOf(LARGE))],
    ['read', () => whole(of, KEY)],
    ['stat', () => of.stat(KEY)],
    ['remove', () => of.remove(KEY)],
  ];
  /** Checks that every operation fails as the contract says, with a text that reveals no secret. */
  const expectUnavailable = async (of: S3Storage): Promise<AppError[]> => {
    const errors: AppError[] = [];
    for (const [name, operation] of every(of)) {
      const error: unknown = await operation().catch((thrown: unknown) => thrown);
      expect([name, error]).toEqual([name, expect.objectContaining(UNAVAILABLE)]);
      errors.push(error as AppError);
    }
    for (const { message, details } of errors) {
      const said = JSON.stringify([message, details]);
      for (const secret of [options.credentials!.secretAccessKey, 'Signature=', 'Credential=', KEY]) {
        expect(said).not.toContain(secret);
      }
    }
    return errors;
  };

  test('that is down makes every operation fail, and keeps what it has', async () => {
    await keepOld();
    const port = await freePort();
    const down = new S3Storage({ ...options, endpoint: `http://127.0.0.1:${port}` }, Date.now);
    const errors = await expectUnavailable(down);
    for (const { message, cause } of errors) {
      expect(message).toMatch(/^The store does not answer as it should: /);
      expect(String(cause)).toContain('ECONNREFUSED');
    }
    await expectOld();
  });

  test('that answers 500 makes every operation fail, and keeps what it has', async () => {
    await keepOld();
    way.fault = () => 'failing';
    await expectUnavailable(storage);
    await expectOld();
  });

  test.each(['failing', 'broken'] as Fault[])('that is %s is asked again', async (fault) => {
    await keepOld();
    way.plan(fault, fault);
    expect(await storage.write(KEY, sourceOf(SMALL))).toMatchObject({ sizeBytes: SMALL.length });
    way.plan(fault, fault);
    expect(await storage.stat(KEY)).toEqual({ sizeBytes: SMALL.length });
    way.plan(fault, fault);
    expect((await whole(storage, KEY)).equals(SMALL)).toBe(true);
    const failed = new Set<string>();
    way.fault = ({ method, query }) => {
      const part = `${method} ${query.get('partNumber')}`;
      if (failed.has(part)) return undefined;
      failed.add(part);
      return fault;
    };
    await storage.write(KEY, sourceOf(LARGE));
    expect(failed).toContain('PUT 3');
    way.plan(fault, fault);
    await storage.remove(KEY);
    expect(await storage.stat(KEY)).toBeNull();
  });

  test('that answers nothing is waited for in vain only so long', async () => {
    await keepOld();
    way.fault = () => 'stalled';
    // The store stays silent for ever: each operation ends only by its timeout.
    for (const [name, operation] of every(impatient)) {
      const outcome: unknown = await operation().catch((thrown: unknown) => thrown);
      expect([name, outcome]).toEqual([name, expect.objectContaining(UNAVAILABLE)]);
    }
    await expectOld();
  });

  test.each(['half', 'half, then stalled'] as Fault[])(
    'that sends an object %s gives no whole one',
    async (fault) => {
      await storage.write(KEY, sourceOf(SMALL));
      way.fault = ({ method }) => (method === 'GET' ? fault : undefined);
      const source = await impatient.read(KEY);
      let sizeBytes = 0;
      const read = async (): Promise<void> => {
        for await (const chunk of source) sizeBytes += (chunk as Buffer).length;
      };
      await expect(read()).rejects.toMatchObject(UNAVAILABLE);
      expect(sizeBytes).toBeLessThan(SMALL.length);
    },
  );

  test('that breaks off an answer nobody reads harms nobody', async () => {
    await storage.write(KEY, sourceOf(LARGE));
    way.fault = ({ method }) => (method === 'GET' ? 'half' : undefined);
    const source = await storage.read(KEY);
    await new Promise((resolve) => source.once('error', resolve).resume());
  });

  test.each([
    ['an object', SMALL],
    ['a part', LARGE],
  ])('that receives %s with one bit flipped refuses it', async (_, bytes) => {
    await keepOld();
    way.fault = ({ method }) => (method === 'PUT' ? 'flipped' : undefined);
    await expect(storage.write(KEY, sourceOf(bytes))).rejects.toMatchObject(UNAVAILABLE);
    await expectOld();
  });

  test.each(['failing', 'stalled', 'broken'] as Fault[])(
    'that is %s from the second part on keeps what it has, even if the source has no end',
    async (fault) => {
      await keepOld();
      way.fault = ({ method, query }) =>
        method === 'PUT' && Number(query.get('partNumber')) >= 2 ? fault : undefined;
      const endless = new Readable({
        read() {
          this.push(Buffer.alloc(65_536));
        },
      });
      await expect(impatient.write(KEY, endless)).rejects.toMatchObject(UNAVAILABLE);
      expect(endless.destroyed).toBe(true);
      await expectOld();
    },
  );

  test('that fails while the source says nothing more is not waited for', async () => {
    await keepOld();
    way.fault = ({ method, query }) => (method === 'PUT' && query.has('partNumber') ? 'failing' : undefined);
    const silent = new Readable({ read() {} });
    silent.push(LARGE);
    await expect(storage.write(KEY, silent)).rejects.toMatchObject(UNAVAILABLE);
    await expectOld();
  });

  test.each([
    ['full', 'XMinioStorageFull (507)'],
    ['over its quota', 'QuotaExceeded (403)'],
    ['overrun', 'SlowDown (503)'],
  ] as [Fault, string][])('that is %s keeps what it has, and its reason is told', async (fault, reason) => {
    await keepOld();
    way.fault = ({ method }) => (method === 'PUT' ? fault : undefined);
    for (const bytes of [SMALL, LARGE]) {
      const told = { ...UNAVAILABLE, message: `The store refuses: ${reason}.` };
      await expect(storage.write(KEY, sourceOf(bytes))).rejects.toMatchObject(told);
    }
    await expectOld();
  });

  test('that keeps half of an object does not pass for one that has it', async () => {
    way.fault = ({ method }) => (method === 'HEAD' ? 'half' : undefined);
    await expect(storage.write(KEY, sourceOf(SMALL))).rejects.toMatchObject(UNAVAILABLE);
  });

  test('that does not finish the parts keeps what it has', async () => {
    await keepOld();
    way.fault = ({ method, query }) => (method === 'POST' && query.has('uploadId') ? 'failing' : undefined);
    await expect(storage.write(KEY, sourceOf(LARGE))).rejects.toMatchObject(UNAVAILABLE);
    await expectOld();
  });

  test('may be known to people by another name than to the server', async () => {
    await keepOld();
    const publicEndpoint = options.endpoint!.replace('127.0.0.1', 'localhost');
    const named = new S3Storage({ ...options, publicEndpoint }, Date.now);
    const download = { ttlMs: 60_000, fileName: 'old.txt', origin: 'http://server' };
    const { url } = await named.downloadUrl(KEY, download);
    expect(new URL(url).hostname).toBe('localhost');
    const answer = await request(new URL(url));
    expect([answer.status, String(answer.body)]).toEqual([200, 'old']);
  });

  test('refuses wrong keys, which are told nobody', async () => {
    await keepOld();
    const credentials = { accessKeyId: 'test:tester', secretAccessKey: 'a-wrong-secret' };
    const stranger = new S3Storage({ ...options, credentials }, Date.now);
    const errors = await expectUnavailable(stranger);
    expect(errors[0]!.message).toBe('The store refuses: SignatureDoesNotMatch (403).');
    expect(JSON.stringify(errors.map(({ message }) => message))).not.toContain('a-wrong-secret');
    await expectOld();
  });

  test('does not have the bucket', async () => {
    const elsewhere = new S3Storage({ ...options, bucket: 'no-such-bucket' }, Date.now);
    await expect(elsewhere.write(KEY, sourceOf(SMALL))).rejects.toMatchObject(UNAVAILABLE);
    await expect(elsewhere.write(KEY, sourceOf(LARGE))).rejects.toMatchObject(UNAVAILABLE);
    await expect(elsewhere.read(KEY)).rejects.toMatchObject(UNAVAILABLE);
  });
});

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
