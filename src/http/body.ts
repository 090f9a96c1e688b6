import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AccessTokens } from '../auth/access-tokens.js';
import { bearerToken } from '../auth/device.guard.js';
import { AppError } from '../errors/app-error.js';

/** Whoever shows no valid token may not fill the memory. */
const ANONYMOUS_BYTES = 65_536;

/**
 * Reads bodies as JSON, sent as `application/json` or `text/plain`, plain or gzipped; inflating stops at the limit.
 * Unlike the framework's own parser it lets `__proto__` members pass: the sanitiser drops what is not declared.
 */
export function readJsonBodies(server: FastifyInstance, tokens: AccessTokens, maxBytes: number): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser(
    ['application/json', 'text/plain'],
    async (request: FastifyRequest, payload: Readable) => {
      // Settled later: an old token on a route that needs none is no fault.
      const refusal = await refusalOf(tokens, request);
      const limit = refusal === null ? maxBytes : Math.min(ANONYMOUS_BYTES, maxBytes);
      const tooLarge =
        refusal ?? new AppError('BODY_TOO_LARGE', { detail: `A body may have ${limit} bytes at most.` });
      const text = new TextDecoder().decode(await collect(inflated(request, payload), limit, tooLarge));
      return text.trim() === '' ? undefined : parse(text);
    },
  );
}

async function refusalOf(tokens: AccessTokens, request: FastifyRequest): Promise<AppError | null> {
  if (request.headers.authorization === undefined) {
    return new AppError('BODY_TOO_LARGE', {
      detail: `Without a token a body may have ${ANONYMOUS_BYTES} bytes at most.`,
    });
  }
  try {
    await tokens.verify(bearerToken(request.headers.authorization));
    return null;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
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

async function collect(stream: Readable, limit: number, tooLarge: AppError): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw tooLarge;
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      'BAD_REQUEST',
      { detail: 'The body is broken off, or no valid gzip.' },
      { cause: error },
    );
  }
  return Buffer.concat(chunks, size);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new AppError('BAD_REQUEST', { detail: 'The body is not valid JSON.' }, { cause: error });
  }
}
