import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** A body that brings nothing for so long has been given up. */
const STALL_MS = 30_000;
/** How much of a refused body is read and thrown away; beyond this the connection is cut. */
const MAX_DRAINED_BYTES = 536_870_912;

/** Cuts the connection when a body that is not in yet brings nothing for 30 s. */
export function cutWhenSilent(request: IncomingMessage): void {
  // A small body is in before anything asks for it; from then on the client waits for the server, not the other way round.
  if (request.complete) return;
  request.setTimeout(STALL_MS, () => request.destroy());
  request.once('end', () => request.setTimeout(0));
}

/** Reads what is left of a refused body and throws it away: unread, it would hide the connection's next request. */
export function drain(payload: Readable): void {
  let left = MAX_DRAINED_BYTES;
  payload.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) payload.destroy();
  });
  payload.resume();
}
