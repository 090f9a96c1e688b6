import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessTokens } from '../../auth/access-tokens.js';
import { bearerToken } from '../../auth/device.guard.js';
import { yieldToEventLoop } from '../flow/yield-to-event-loop.js';
import { ByteBudget, type ByteShare } from '../flow/byte-budget.js';
import { Semaphore } from '../flow/semaphore.js';
import { AppError } from '../errors/app-error.js';

/** Ample for every route but the push, and for whoever shows no valid token. */
const SMALL_BYTES = 65_536;
/** Bodies above this many bytes are parsed and worked on only a few at a time, as they take many times their size. */
const LARGE_BYTES = 1_048_576;
const LARGE_AT_ONCE = 2;
const LARGE_WAIT_MS = 30_000;
/** What they may take together while they come in and wait, in bodies of the limit; by bytes, as many send little, slowly. */
const LARGE_HELD = 8;
const TOO_MANY_LARGE = { detail: 'Too many large bodies are coming in.', retry_after: 5 };
/** A body that brings nothing for so long has been given up. */
const STALL_MS = 30_000;
/** Of a body that was refused; beyond this the connection is cut. */
const MAX_DRAINED_BYTES = 536_870_912;
/** A record has some 64 bytes at least; only a body made to exhaust the memory has more objects and arrays. */
const MAX_CONTAINERS = 1_000_000;
const TOO_MANY = `A body may have ${MAX_CONTAINERS} objects and arrays at most, counted by { and [.`;

/**
 * Reads bodies as JSON, sent as `application/json` or `text/plain`, plain or gzipped; inflating stops at the limit.
 * Unlike the framework's own parser it lets `__proto__` members pass: the sanitiser drops what is not declared.
 * @param largeRoute the one route whose bodies may have up to `maxBytes`
 */
export function readJsonBodies(
  server: FastifyInstance,
  tokens: AccessTokens,
  { maxBytes, largeRoute }: { maxBytes: number; largeRoute: string },
): void {
  const largeBodies = new Semaphore(LARGE_AT_ONCE, LARGE_WAIT_MS);
  const budget = new ByteBudget(LARGE_HELD * maxBytes, TOO_MANY_LARGE);
  const responses = new WeakMap<FastifyRequest, ServerResponse>();
  server.addHook('onRequest', async (request, reply) => void responses.set(request, reply.raw));
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'text/plain'],
    async (request: FastifyRequest, payload: Readable) => {
      const isLargeRoute = request.routeOptions.url === largeRoute;
      const refusal = isLargeRoute ? refusalOf(tokens, request) : null;
      const limit = isLargeRoute && !refusal ? maxBytes : Math.min(SMALL_BYTES, maxBytes);
      // Made only when it is needed: an error notes where it was made, which takes longer than most bodies do.
      const tooLarge = () =>
        refusal ?? new AppError('BODY_TOO_LARGE', { detail: `A body may have ${limit} bytes at most here.` });
      const response = responses.get(request)!;
      cutWhenSilent(request.raw);
      const plain = inflated(request, payload);
      let held: ByteShare | undefined;
      const grow = (size: number): void => {
        if (size > limit) throw tooLarge();
        if (size <= LARGE_BYTES || response.destroyed) return;
        if (!held) {
          held = budget.begin();
          response.once('close', held.end);
        }
        held.grow(size);
      };
      const body = await collect(plain, grow).catch((fault: unknown) => {
        if (plain !== payload) {
          // Its own, later unpiping would pause the payload again.
          payload.unpipe();
          plain.destroy();
        }
        drain(payload);
        throw fault;
      });
      if (body.length > LARGE_BYTES) {
        if (countContainers(body) > MAX_CONTAINERS)
          throw new AppError('BODY_TOO_LARGE', { detail: TOO_MANY });
        await largeBodies.acquire();
        if (response.destroyed) largeBodies.release();
        else response.once('close', () => largeBodies.release());
        await yieldToEventLoop();
      }
      const text = new TextDecoder().decode(body);
      return text.trim() === '' ? undefined : parse(text);
    },
  );
}

/** Cuts the connection when a body that is not in yet brings nothing for too long. */
export function cutWhenSilent(request: IncomingMessage): void {
  // A small one is in before it is asked for; from then on the client waits for the server, not the other way round.
  if (request.complete) return;
  request.setTimeout(STALL_MS, () => request.destroy());
  request.once('end', () => request.setTimeout(0));
}

/** Hands the bodies of one route on as they come in, unread: databases are too large to be collected. */
export function passBinaryBodies(server: FastifyInstance, route: string): void {
  const types = ['application/gzip', 'application/octet-stream', 'application/vnd.sqlite3'];
  server.addContentTypeParser(types, async (request: FastifyRequest, payload: Readable) => {
    if (request.routeOptions.url === route) return guarded(payload);
    throw new AppError('UNSUPPORTED_MEDIA_TYPE');
  });
  // What was refused before it was read: a browser takes no answer while its body is stuck.
  server.addHook('onSend', async ({ body }) => {
    if (body instanceof PassThrough) body.destroy();
  });
}

/** A stream that may be given up: giving up the request itself would cut the connection, and the refusal off with it. */
function guarded(payload: Readable): Readable {
  const body = new PassThrough();
  payload.once('error', (error) => body.destroy(error));
  payload.once('close', () => {
    if (!payload.readableEnded) body.destroy(new AppError('BAD_REQUEST', { detail: 'The body broke off.' }));
  });
  // Whoever reads it hears of errors; until then there may be nobody.
  body.on('error', () => undefined);
  body.once('close', () => {
    // Its own, later unpiping would pause the payload again.
    payload.unpipe(body);
    drain(payload);
  });
  return payload.pipe(body);
}

/** Lets what is left of a refused body run out, or the next request of the connection would never be read. */
function drain(payload: Readable): void {
  let left = MAX_DRAINED_BYTES;
  payload.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) payload.destroy();
  });
  payload.resume();
}

/** Why a request may not send a large body; null: it may. */
function refusalOf(tokens: AccessTokens, request: FastifyRequest): AppError | null {
  try {
    tokens.verify(bearerToken(request.headers.authorization));
    return null;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

/** An upper bound of the objects and arrays in a JSON text. */
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
 * By events: iterating takes longer than all else does for a small body.
 * @param grow is told how many bytes there are by now, and throws what they are refused with
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
    // Whoever broke off before anyone listened does not do so again.
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
