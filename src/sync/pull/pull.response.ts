import { PassThrough, pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { acceptsGzip } from './accept-encoding.js';
import { addVary } from '../../foundation/http/cors.js';
import { JSON_TYPE } from '../../foundation/http/json-pieces.js';
import { SMALL_ROWS, type PullStream } from './pull.service.js';

// Rows repeat their column names, so even the fastest level shrinks them to about a sixth.
const GZIP = { level: constants.Z_BEST_SPEED };

/**
 * Sends a pull's answer: a small one whole, a large one as a stream; gzipped if the client accepts it.
 * @param stallMs a client that reads nothing for this long is disconnected
 */
export async function sendPull(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: string | PullStream,
  stallMs: number,
): Promise<void> {
  void reply.header('content-type', JSON_TYPE).header('cache-control', 'no-store');
  // The sends are not awaited: their promises settle only when the client has received everything.
  if (typeof answer === 'string') {
    void reply.header('tidemark-rows', '0').send(answer);
    return;
  }
  // The socket's timeout disconnects a client that reads nothing, not one that reads slowly.
  reply.raw.setTimeout(stallMs, () => reply.raw.destroy());
  const isZipped = answer.rows > 0 && acceptsGzip(request);
  addVary(reply, 'Accept-Encoding');
  void reply.header('tidemark-rows', String(answer.rows));
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
