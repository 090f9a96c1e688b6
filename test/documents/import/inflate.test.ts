import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { createGzip, gzipSync } from 'node:zlib';
import { inflateTo } from '../../../src/documents/import/inflate.js';
import type { AppError } from '../../../src/foundation/errors/app-error.js';
import { makeScratchDir } from '../../support/scratch.js';
import { describeWithSmallDisk, SmallDisk } from '../../support/small-disk.js';

const MEBIBYTE = 1_048_576;
const LIMITS = { maxBytes: 64 * MEBIBYTE, maxRatio: 200 };

const folder = makeScratchDir('inflate');
let files = 0;

afterAll(() => rmSync(folder, { recursive: true }));

const newFile = () => join(folder, String(files++));
const bodyOf = (...chunks: Uint8Array[]) => Readable.from(chunks, { objectMode: false });

/** Inflates a body that must be refused, and checks that no file is left. */
async function refused(body: Readable, limits = LIMITS, file = newFile()): Promise<AppError> {
  const error = await inflateTo(body, file, limits).then(
    () => new Error('It was taken.'),
    (error: unknown) => error,
  );
  expect(existsSync(file)).toBe(false);
  return error as AppError;
}

describe('inflating a body', () => {
  test('brings out what was packed, into a file that is nobody else’s', async () => {
    const content = Buffer.concat([randomBytes(3 * MEBIBYTE), Buffer.alloc(5 * MEBIBYTE)]);
    const packed = gzipSync(content);
    const file = newFile();
    const sizes = await inflateTo(bodyOf(packed), file, LIMITS);
    expect(sizes).toEqual({ sizeBytes: content.length, packedBytes: packed.length });
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('takes several members as one, as gunzip does', async () => {
    const packed = [gzipSync('one, '), gzipSync(''), gzipSync('two')];
    const together = newFile();
    await inflateTo(bodyOf(Buffer.concat(packed)), together, LIMITS);
    expect(readFileSync(together, 'utf8')).toBe('one, two');
    const apart = newFile();
    await inflateTo(bodyOf(...packed), apart, LIMITS);
    expect(readFileSync(apart, 'utf8')).toBe('one, two');
  });

  const packed = gzipSync(randomBytes(100_000));
  test.each<[what: string, chunks: Uint8Array[]]>([
    ['nothing', []],
    ['what is no gzip', [randomBytes(1_000)]],
    ['half a gzip', [packed.subarray(0, 50_000)]],
    ['a gzip without its last byte', [packed.subarray(0, -1)]],
    ['a gzip with another checksum', [packed.subarray(0, -8), Buffer.alloc(4), packed.subarray(-4)]],
    ['half a second member', [packed, packed.subarray(0, 30)]],
    ['garbage after the end', [packed, Buffer.from('garbage')]],
    ['garbage right behind the end', [Buffer.concat([packed, Buffer.from('garbage')])]],
    ['zeros after the end', [packed, Buffer.alloc(100)]],
    ['zeros right behind the end', [Buffer.concat([packed, Buffer.alloc(100)])]],
    ['many zeros after the end', [packed, ...Array.from({ length: 40 }, () => Buffer.alloc(65_536))]],
  ])('refuses %s', async (_what, chunks) => {
    const error = await refused(bodyOf(...chunks));
    expect(error).toMatchObject({ code: 'DOCUMENT_INVALID', details: { detail: expect.any(String) } });
  });

  test('takes as many bytes as allowed, and not one more', async () => {
    const limits = { maxBytes: 300_000, maxRatio: 200 };
    const fitting = await inflateTo(bodyOf(gzipSync(randomBytes(300_000))), newFile(), limits);
    expect(fitting.sizeBytes).toBe(300_000);
    const error = await refused(bodyOf(gzipSync(randomBytes(300_001))), limits);
    expect(error).toMatchObject({
      code: 'BODY_TOO_LARGE',
      details: { detail: expect.stringContaining('300000') },
    });
  });

  test('stops at ten gigabytes of zeros early, whichever limit comes first', async () => {
    for (const [limits, code] of [
      [LIMITS, 'DOCUMENT_INVALID'],
      [{ ...LIMITS, maxRatio: 5_000 }, 'BODY_TOO_LARGE'],
    ] as const) {
      const endless = zeros(10 * 1024);
      const bomb = endless.pipe(createGzip());
      const file = newFile();
      let largest = 0;
      const watch = setInterval(() => (largest = Math.max(largest, sizeOf(file))), 2);
      expect(await refused(bomb, limits, file)).toMatchObject({ code });
      clearInterval(watch);
      expect(largest).toBeLessThanOrEqual(limits.maxBytes);
      expect(endless.readableEnded).toBe(false);
      bomb.destroy();
    }
  });

  test('lets small files pass that are nearly empty', async () => {
    const { sizeBytes, packedBytes } = await inflateTo(
      bodyOf(gzipSync(Buffer.alloc(8 * MEBIBYTE))),
      newFile(),
      LIMITS,
    );
    expect(sizeBytes).toBeGreaterThan(packedBytes * LIMITS.maxRatio);
  });

  test('does not read without end what unpacks to nothing', async () => {
    const members = Buffer.concat(Array.from({ length: 5_000 }, () => gzipSync('')));
    let sentBytes = 0;
    const endless = Readable.from(
      (function* () {
        for (;;) {
          sentBytes += members.length;
          yield members;
        }
      })(),
      { objectMode: false },
    );
    expect(await refused(endless, { maxBytes: MEBIBYTE, maxRatio: 200 })).toMatchObject({
      code: 'BODY_TOO_LARGE',
    });
    expect(sentBytes).toBeLessThan(4 * MEBIBYTE);
  });

  test('tells a body that broke off from one that is wrong', async () => {
    const failing = new Readable({ read() {} });
    failing.push(packed.subarray(0, 50_000));
    setImmediate(() => failing.destroy(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })));
    expect(await refused(failing)).toMatchObject({ code: 'BAD_REQUEST' });
    const closed = new Readable({ read() {} });
    setImmediate(() => closed.destroy());
    expect(await refused(closed)).toMatchObject({ code: 'BAD_REQUEST' });
    const gone = bodyOf(packed);
    gone.destroy();
    expect(await refused(gone)).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('passes on what is not the fault of the body', async () => {
    const failing = new Readable({ read: () => failing.destroy(new Error('The database is gone.')) });
    expect(await refused(failing)).toEqual(new Error('The database is gone.'));
  });

  test('leaves a file alone that is there already', async () => {
    const file = newFile();
    writeFileSync(file, 'mine');
    await expect(inflateTo(bodyOf(packed), file, LIMITS)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  test('a client that is still sending gets the answer', async () => {
    const server = createServer((message, response) => {
      inflateTo(message, newFile(), LIMITS).then(
        () => response.end('taken'),
        (error: AppError) => response.writeHead(422).end(error.code),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const answer = await new Promise<string>((resolve, reject) => {
        const sending = request({ port, host: '127.0.0.1', method: 'PUT' }, (reply) => {
          reply.setEncoding('utf8').on('data', resolve).on('error', reject);
        });
        sending.on('error', reject);
        Readable.from(
          Array.from({ length: 400 }, () => randomBytes(65_536)),
          { objectMode: false },
        ).pipe(sending);
      });
      expect(answer).toBe('DOCUMENT_INVALID');
    } finally {
      server.closeAllConnections();
      server.close();
    }
    expect(readdirSync(folder).length).toBeLessThan(files);
  });
});

describeWithSmallDisk('inflating on a full disk', () => {
  test('says so, and leaves nothing', async () => {
    using disk = SmallDisk.mount(2);
    const file = join(disk.path, 'content');
    expect(await refused(bodyOf(gzipSync(randomBytes(4 * MEBIBYTE))), LIMITS, file)).toMatchObject({
      code: 'DISK_FULL',
      details: { retry_after: expect.any(Number) },
    });
    expect((await inflateTo(bodyOf(gzipSync('small')), file, LIMITS)).sizeBytes).toBe(5);
  });
});

function zeros(mebibytes: number): Readable {
  const block = Buffer.alloc(MEBIBYTE);
  let left = mebibytes;
  return new Readable({
    read() {
      this.push(left-- > 0 ? block : null);
    },
  });
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
