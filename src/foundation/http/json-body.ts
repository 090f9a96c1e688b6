import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';
import type { LargeBodies } from './large-bodies.js';
import { cutWhenSilent, drain } from './unread-body.js';

/** Only a body made to exhaust the memory has more: a record takes at least 64 bytes, a body 32 MiB by default. */
const MAX_CONTAINERS = 1_000_000;
const TOO_MANY = `A body may have ${MAX_CONTAINERS} objects and arrays at most, counted by { and [.`;

/**
 * Parses JSON bodies sent as `application/json` or `text/plain`, plain or gzipped; inflating stops at the limit. Unlike
 * Fastify's parser it accepts `__proto__` members: the sanitiser drops undeclared members.
 */
export function readJsonBodies(server: FastifyInstance, largeBodies: LargeBodies): void {
  const responses = new WeakMap<FastifyRequest, ServerResponse>();
  server.addHook('onRequest', async (request, reply) => void responses.set(request, reply.raw));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'text/plain'],
    async (request: FastifyRequest, payload: Readable) => {
      const limit = largeBodies.limitOf(request);
      const response = responses.get(request)!;
      const count = largeBodies.counterFor(response);
      cutWhenSilent(request.raw);
      const plain = inflated(request, payload);
      const grow = (sizeBytes: number): void => {
        if (sizeBytes > limit.bytes) throw limit.refusal ?? tooLarge(limit.bytes);
        count(sizeBytes);
      };
      const body = await collect(plain, grow).catch((fault: unknown) => {
        if (plain !== payload) {
          // Unpipe now: the inflater would do it later and pause the payload again.
          payload.unpipe();
          plain.destroy();
        }
        drain(payload);
        throw fault;
      });
      if (body.length > MAX_CONTAINERS && countContainers(body) > MAX_CONTAINERS)
        throw new AppError('BODY_TOO_LARGE', { detail: TOO_MANY });
      await largeBodies.takePlace(body, response);
      const text = new TextDecoder().decode(body);
      return text.trim() === '' ? undefined : parse(text);
    },
  );
}

function tooLarge(limitBytes: number): AppError {
  return new AppError('BODY_TOO_LARGE', { detail: `A body may have ${limitBytes} bytes at most here.` });
}

/** An upper bound for the number of objects and arrays in a JSON text. */
function countContainers(body: Buffer): number {
  let count = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === 0x7b || byte === 0x5b) count++;
  }
  return count;
}

function inflated(request: FastifyRequest, payload: Readable): Readable {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return payload;
  if (encoding !== 'gzip') {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', {
      detail: `Content-Encoding "${encoding}" is not supported.`,
    });
  }
  const gunzip = createGunzip();
  payload.once('error', (error) => gunzip.destroy(error));
  return payload.pipe(gunzip);
}

/**
 * Collects a stream with event listeners: for a small body, async iteration would take longer than all the rest.
 * @param grow called with the number of bytes so far; throws the error that refuses them
 */
function collect(stream: Readable, grow: (size: number) => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve, reject) => {
    const fail = (cause?: Error) =>
      reject(new AppError('BAD_REQUEST', { detail: 'The body is broken off, or no valid gzip.' }, { cause }));
    const take = (chunk: Buffer): void => {
      size += chunk.length;
      try {
        grow(size);
        chunks.push(chunk);
      } catch (refusal) {
        stream.off('data', take);
        reject(refusal as Error);
      }
    };
    stream.on('data', take);
    stream.once('end', () => resolve(Buffer.concat(chunks, size)));
    stream.once('error', fail);
    stream.once('close', () => stream.readableEnded || fail());
    // A stream that was destroyed before these listeners were added emits nothing more.
    if (stream.destroyed) fail();
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('BAD_REQUEST', { detail: 'The body is not valid JSON.' }, { cause: error });
  }
}
