import { PassThrough, pipeline, Readable, type Transform } from 'node:stream';
import { constants, createGzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PullStream } from './pull.service.js';

/** Up to this many rows are read at once, so that their snapshot never waits for a slow reader. */
const SMALL_ROWS = 1_000;
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
  void reply.header('content-type', JSON_TYPE).header('cache-control', 'no-store').header('vary', 'accept-encoding');
  if (typeof answer === 'string') {
    await reply.header('tidemark-rows', 0).send(answer);
    return;
  }
  void reply.header('tidemark-rows', answer.rows);
  if (answer.rows <= SMALL_ROWS) {
    const pieces: Buffer[] = [];
    for await (const piece of answer.body) pieces.push(Buffer.from(piece));
    if (!acceptsGzip(request) || answer.rows === 0) {
      await reply.send(Buffer.concat(pieces));
      return;
    }
    answer = { rows: answer.rows, body: replay(pieces) };
  }
  const out: Transform = acceptsGzip(request) ? gzip(reply) : new PassThrough();
  // Ends the generator, and with it the snapshot, however the response ends.
  pipeline(Readable.from(cutWhenStalled(answer.body, stallMs, out)), out, () => undefined);
  await reply.send(out);
}

function gzip(reply: FastifyReply): Transform {
  void reply.header('content-encoding', 'gzip');
  // Rows repeat their column names: the fastest level shrinks them to about a sixth already.
  return createGzip({ level: constants.Z_BEST_SPEED });
}

async function* replay(pieces: Buffer[]): AsyncGenerator<Buffer, void> {
  yield* pieces;
}

/** Passes pieces on; one that is not taken within `stallMs` ends the response as broken. */
async function* cutWhenStalled(
  body: AsyncGenerator<string | Buffer, void>,
  stallMs: number,
  out: Transform,
): AsyncGenerator<Buffer, void> {
  for await (const piece of body) {
    const timer = setTimeout(() => out.destroy(new Error('The reader took nothing for too long.')), stallMs);
    try {
      yield Buffer.from(piece);
    } finally {
      clearTimeout(timer);
    }
  }
}

function acceptsGzip(request: FastifyRequest): boolean {
  const header = request.headers['accept-encoding'];
  if (typeof header !== 'string') return false;
  return header.split(',').some((entry) => /^\s*(gzip|\*)\s*(;\s*q=(1(\.0*)?|0?\.\d*[1-9]\d*))?\s*$/i.test(entry));
}
