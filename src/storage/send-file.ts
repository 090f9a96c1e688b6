import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { ByteRange } from './byte-range.js';
import { CHUNK_BYTES } from './streams.js';

/**
 * Sends a part of a file as the body of an answer, and ends the answer. One buffer is filled while the other is sent. A
 * stream would allocate a buffer for every chunk: garbage collection then took a quarter of a download's time, and more
 * the more memory the process used.
 * @throws Error when the file cannot be read or is shorter than the part; not when the client disconnects
 */
export async function sendFile(
  handle: FileHandle,
  { start, end }: ByteRange,
  answer: ServerResponse,
): Promise<void> {
  let [buffer, other] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
  let sent = Promise.resolve();
  for (let position = start; position <= end; [buffer, other] = [other, buffer]) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK_BYTES, end - position + 1), position);
    if (bytesRead === 0) throw new Error('The file ended before its part did');
    position += bytesRead;
    await sent;
    if (answer.destroyed) return;
    const chunk = buffer.subarray(0, bytesRead);
    sent = new Promise((resolve) => answer.write(chunk, () => resolve()));
  }
  await sent;
  answer.end();
}
