import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** After this time without data, a body counts as abandoned. */
const STALL_MS = 30_000;
/** How much of a refused body is read and discarded; beyond this the connection is cut. */
const MAX_DRAINED_BYTES = 536_870_912;

/** Cuts the connection when an incomplete body brings no data for 30 s. */
export function cutWhenSilent(request: IncomingMessage): void {
  // A small body has already arrived completely: now the client waits for the server.
  if (request.complete) return;
  request.setTimeout(STALL_MS, () => request.destroy());
  request.once('end', () => request.setTimeout(0));
}

/** Reads and discards the rest of a refused body: left unread, it would block the connection's next request. */
export function drain(payload: Readable): void {
  let left = MAX_DRAINED_BYTES;
  payload.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) payload.destroy();
  });
  payload.resume();
}
