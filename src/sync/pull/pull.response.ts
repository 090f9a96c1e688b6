import { PassThrough, pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptsEncoding } from '../../foundation/http/accept-encoding.js';
import type { PullStream } from './pull.service.js';

/** Up to this many rows are read at once, so that their snapshot never waits for a slow reader. */
const SMALL_ROWS = 1_000;
// Rows repeat their column names: the fastest level shrinks them to about a sixth already.
const GZIP = { level: constants.Z_BEST_SPEED };
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Sends a pull's answer: a small one whole, a large one as it is read, gzipped when the client takes that.
 * @param stallMs a reader that takes nothing for this long is cut off
 */
export async function sendPull(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: string | PullStream,
  stallMs: number,
): Promise<void> {
  void reply.header('content-type', JSON_TYPE).header('cache-control', 'no-store');
  // None of the sends is awaited: that would mean until the client has everything.
  if (typeof answer === 'string') {
    void reply.header('tidemark-rows', '0').send(answer);
    return;
  }
  // The socket's timeout: it ends a client that reads nothing, but not one that reads slowly.
  reply.raw.setTimeout(stallMs, () => reply.raw.destroy());
  const isZipped = answer.rows > 0 && acceptsEncoding(request, 'gzip');
  void reply.header('vary', 'accept-encoding').header('tidemark-rows', String(answer.rows));
  if (isZipped) void reply.header('content-encoding', 'gzip');
  if (answer.rows <= SMALL_ROWS) {
    const text = await collect(answer);
    void reply.send(isZipped ? await promisify(gzip)(text, GZIP) : text);
    return;
  }
  const out: Transform = isZipped ? createGzip(GZIP) : new PassThrough();
  pipeline(Readable.from(answer.body), out, () => void answer.close());
  void reply.send(out);
}

async function collect(answer: PullStream): Promise<string> {
  try {
    let text = '';
    for await (const piece of answer.body) text += piece;
    return text;
  } finally {
    await answer.close();
  }
}
