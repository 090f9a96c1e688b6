import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** After this time without data, a body counts as abandoned. */
export const STALL_MS = 30_000;
/** How much of an answered request's body is read and discarded; beyond this the connection is cut. */
const MAX_DRAINED_BYTES = { known: 536_870_912, stranger: 33_554_432 };

/** Cuts the connection when an incomplete body brings no data for 30 s. */
export function cutWhenSilent(request: IncomingMessage): void {
  // A small body has already arrived completely: now the client waits for the server.
  if (request.complete) return;
  request.setTimeout(STALL_MS, () => request.destroy());
  request.once('end', () => request.setTimeout(0));
}

/**
 * Reads and discards what is left of a body when the answer is sent, at any route: left unread, it would block the
 * connection's next request, and many clients read no answer while they cannot send. Node alone would read it without
 * an end.
 * @param isKnown whether the request was admitted; who was not gets less of the server's time
 */
export function drainUnreadBodies(
  server: FastifyInstance,
  isKnown: (request: FastifyRequest) => boolean,
): void {
  server.addHook('onResponse', (request, _reply, next) => {
    if (!request.raw.complete) drain(request.raw, MAX_DRAINED_BYTES[isKnown(request) ? 'known' : 'stranger']);
    next();
  });
}

function drain(body: IncomingMessage, maxBytes: number): void {
  let left = maxBytes;
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) body.destroy();
  });
  cutWhenSilent(body);
  body.resume();
}
