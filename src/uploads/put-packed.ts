import { createReadStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { ObjectStorage, WrittenObject } from '../storage/storage.js';

// Measured for docs/decisions/0011: level 6 takes 50 % longer and saves 4 %.
const GZIP = { level: 3, chunkSize: 131_072 };
const READ_BYTES = 262_144;

/**
 * Writes a file to object storage, gzipped, while its check is still running. The stream ends only when `checked`
 * resolves. If it rejects, no object appears, as storage never shows an incomplete one.
 * @throws the rejection of `checked` before any other failure, but after an abort
 */
export async function putPacked(
  storage: ObjectStorage,
  key: string,
  file: string,
  checked: Promise<void>,
  signal: AbortSignal,
): Promise<WrittenObject> {
  const gate = new Transform({
    transform: (chunk, _encoding, done) => done(null, chunk),
    flush: (done) => void checked.then(() => done(), done),
  });
  const source = createReadStream(file, { highWaterMark: READ_BYTES });
  const [check, packed, written] = await Promise.allSettled([
    checked,
    pipeline(source, createGzip(GZIP), gate, { signal }),
    storage.write(key, gate).catch((error: unknown) => {
      gate.destroy(); // else gzip would wait for ever for its reader
      throw error;
    }),
  ]);
  signal.throwIfAborted();
  if (check.status === 'rejected') throw check.reason;
  if (written.status === 'rejected') throw written.reason;
  if (packed.status === 'rejected') throw packed.reason;
  return written.value;
}
