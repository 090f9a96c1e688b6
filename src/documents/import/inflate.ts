import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Transform, Writable, type Readable, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { AppError } from '../../foundation/errors/app-error.js';
import { asDiskFull } from '../../foundation/files/disk-full.js';

const MEBIBYTE = 1_048_576;
/** Up to this size any ratio is allowed, as small databases are mostly empty pages, which compress very well. */
const RATIO_COUNTS_FROM = 16 * MEBIBYTE;
/** Incompressible data grows by a few bytes per block. */
const PACKING_OVERHEAD = 1.01;

const IS_BROKEN_OFF = ['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_UNABLE_TO_PIPE'];

/** Limits for unpacking a gzipped body. */
interface InflateLimits {
  maxBytes: number;
  /** The most unpacked bytes for each packed byte. */
  maxRatio: number;
  /** Called with the number of bytes unpacked so far; may throw to stop. Nothing more is unpacked until it resolves. */
  onGrowth?: (bytes: number) => Promise<void>;
}

/** For bodies that this server compressed itself. */
export const UNLIMITED: InflateLimits = { maxBytes: Infinity, maxRatio: Infinity };

/**
 * Unpacks a gzipped body of one or more members into a new file, which is removed on failure.
 * @throws AppError DOCUMENT_INVALID, BODY_TOO_LARGE, BAD_REQUEST when the body ends early, DISK_FULL
 */
export async function inflateTo(
  body: Readable,
  file: string,
  limits: InflateLimits,
): Promise<{ sizeBytes: number; packedBytes: number }> {
  try {
    return await inflateInto(createWriteStream(file, { flags: 'wx', mode: 0o600 }), body, limits);
  } catch (error) {
    if ((error as { code?: string }).code !== 'EEXIST') await rm(file, { force: true });
    throw translated(error);
  }
}

/**
 * The size of a gzipped body when unpacked, in bytes.
 * @throws AppError DOCUMENT_INVALID; an AppError of the body's stream
 */
export async function inflatedBytes(body: Readable): Promise<number> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return (await inflateInto(nowhere, body, UNLIMITED)).sizeBytes;
  } catch (error) {
    throw translated(error);
  }
}

async function inflateInto(
  target: Writable,
  body: Readable,
  { maxBytes, maxRatio, onGrowth }: InflateLimits,
) {
  const tooLarge = () =>
    new AppError('BODY_TOO_LARGE', { detail: `A document may have ${maxBytes} bytes at most.` });
  const packed = new Meter((bytes) => {
    // Empty members unpack to nothing, so the packed bytes need their own limit.
    if (bytes > maxBytes * PACKING_OVERHEAD + MEBIBYTE) throw tooLarge();
  });
  const unpacked = new Meter(async (bytes) => {
    if (bytes > maxBytes) throw tooLarge();
    await onGrowth?.(bytes);
    if (bytes > RATIO_COUNTS_FROM && bytes > packed.bytes * maxRatio) {
      throw invalid('The body unpacks to far more than it should.');
    }
  });
  const gunzip = createGunzip({ chunkSize: MEBIBYTE / 4 });
  await pipeline(body, packed, gunzip, unpacked, target);
  if (gunzip.bytesWritten < packed.bytes) throw invalid(TRAILING);
  return { sizeBytes: unpacked.bytes, packedBytes: packed.bytes };
}

const TRAILING = 'Something follows the end of the gzip.';

function invalid(detail: string, cause?: unknown): AppError {
  return new AppError('DOCUMENT_INVALID', { detail }, { cause });
}

function translated(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { code = '' } = error as { code?: string };
  if (IS_BROKEN_OFF.includes(code)) {
    return new AppError('BAD_REQUEST', { detail: 'The body broke off.' }, { cause: error });
  }
  if (code.startsWith('Z_')) return invalid('The body is no whole gzip.', error);
  // At trailing zeros gunzip ends without reading the rest of the body.
  if (code === 'ABORT_ERR') return invalid(TRAILING, error);
  return asDiskFull(error);
}

/** Counts the bytes that pass through, and fails when `check` throws. */
class Meter extends Transform {
  bytes = 0;

  constructor(private readonly check: (bytes: number) => void | Promise<void>) {
    super();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.bytes += chunk.length;
    void this.pass(chunk, done);
  }

  private async pass(chunk: Buffer, done: TransformCallback): Promise<void> {
    try {
      await this.check(this.bytes);
    } catch (error) {
      return done(error as Error);
    }
    done(null, chunk);
  }
}
