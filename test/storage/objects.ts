import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ObjectStorage } from '../../src/storage/storage.js';

const CHUNK_BYTES = 60_000;

/** A stream of these bytes in chunks, which ends normally or with a failure. */
export function sourceOf(bytes: Buffer, failure?: Error): Readable {
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    if (failure) throw failure;
  }
  return Readable.from(chunks(), { objectMode: false });
}

/** All bytes of an object. */
export async function whole(storage: ObjectStorage, key: string): Promise<Buffer> {
  return buffer(await storage.read(key));
}

/** In hexadecimal. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
