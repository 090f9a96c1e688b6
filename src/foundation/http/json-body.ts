import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';
import { isLarge, type LargeBodies } from './large-bodies.js';
import { parseJson } from './parse-json.js';
import { cutWhenSilent } from './unread-body.js';

/** Only a body made to exhaust the memory has more: a record takes at least 64 bytes, a body 32 MiB by default. */
const MAX_CONTAINERS = 1_000_000;
/** Far more than a record has columns, or a push tables; what walks through the members of an object does not pause. */
const MAX_MEMBERS = 100_000;
/** About as deep as a body can be that is parsed at once. */
const MAX_DEPTH = 100_000;

/**
 * Parses JSON bodies sent as `application/json` or `text/plain`, plain or gzipped; reading stops at the limit, which
 * holds for the bytes as sent and as inflated. Nothing is read of a large body whose sender `LargeBodies` refuses. Unlike
 * Fastify's parser it accepts `__proto__` members: the sanitiser drops undeclared members.
 */
export function readJsonBodies(server: FastifyInstance, largeBodies: LargeBodies): void {
  const responses = new WeakMap<FastifyRequest, ServerResponse>();
  server.addHook('onRequest', async (request, reply) => void responses.set(request, reply.raw));
  server.addHook('onRoute', (route) => {
    if (route.config?.takesLargeBody !== true) return;
    route.onSend = (_request, { raw: response }, payload, next) => {
      if (!largeBodies.isProcessed(response)) next(null, payload);
      else largeBodies.beginAnswer(response).then(() => next(null, payload), next);
    };
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'text/plain'],
    async (request: FastifyRequest, payload: Readable) => {
      const maxBytes = largeBodies.limitOf(request);
      const response = responses.get(request)!;
      const counter = largeBodies.counterFor(response);
      cutWhenSilent(request.raw);
      const plain = inflated(request, payload, maxBytes);
      const grow = (sizeBytes: number): void => {
        if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
        counter.grow(sizeBytes);
      };
      const body = await collect(plain, grow).catch((fault: unknown) => {
        if (plain !== payload) {
          // Unpipe now: the inflater would do it later and pause the payload again.
          payload.unpipe();
          plain.destroy();
        }
        throw fault;
      });
      counter.complete();
      if (!isLarge(body)) return parse(body);
      await largeBodies.takePlace(request, response);
      return parseLarge(body, largeBodies.maxRecords);
    },
  );
}

function tooLarge(limitBytes: number): AppError {
  return new AppError('BODY_TOO_LARGE', { detail: `A body may have ${limitBytes} bytes at most here.` });
}

function inflated(request: FastifyRequest, payload: Readable, maxBytes: number): Readable {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity' || encoding === '') return payload;
  if (encoding !== 'gzip') {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', {
      detail: `Content-Encoding "${encoding}" is not supported.`,
    });
  }
  const gunzip = createGunzip();
  payload.once('error', (error) => gunzip.destroy(error));
  // Gzip can go on for ever without inflating to anything.
  let sizeBytes = 0;
  payload.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (sizeBytes > maxBytes) gunzip.destroy(tooLarge(maxBytes));
  });
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
      reject(
        cause instanceof AppError
          ? cause
          : new AppError('BAD_REQUEST', { detail: 'The body is broken off, or no valid gzip.' }, { cause }),
      );
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

/** @returns undefined for a body without text */
function parse(body: Buffer): unknown {
  const text = new TextDecoder().decode(body);
  if (text.trim() === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw notJson(error);
  }
}

/** Parses in pieces, and refuses a body with more in it than any push needs before that takes memory. */
async function parseLarge(body: Buffer, maxRecords: number): Promise<unknown> {
  let containers = 0;
  let entries = 0;
  try {
    return await parseJson(body, {
      container: (depth) => {
        if (depth > MAX_DEPTH)
          throw new AppError('BAD_REQUEST', { detail: 'The body is nested too deeply.' });
        if (++containers > MAX_CONTAINERS)
          throw tooMany(`${MAX_CONTAINERS} objects and arrays at most, counted by { and [.`);
      },
      entry: () => {
        if (++entries > maxRecords)
          throw tooMany(
            `${maxRecords} records at most, deletions included. A greater MAX_BODY_BYTES allows more.`,
          );
      },
      member: (number) => {
        if (number > MAX_MEMBERS) throw tooMany(`${MAX_MEMBERS} members at most in one object.`);
      },
    });
  } catch (error) {
    throw error instanceof SyntaxError ? notJson(error) : error;
  }
}

function tooMany(what: string): AppError {
  return new AppError('BODY_TOO_LARGE', { detail: `A body may have ${what}` });
}

function notJson(cause: unknown): AppError {
  return new AppError('BAD_REQUEST', { detail: 'The body is not valid JSON.' }, { cause });
}
