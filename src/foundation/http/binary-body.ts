import { PassThrough, type Readable } from 'node:stream';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See `BinaryBody`. */
    takesBinaryBody?: boolean;
  }
}

const TYPES = ['application/gzip', 'application/octet-stream', 'application/vnd.sqlite3'];

/** Marks a route that receives binary bodies as a stream; all other routes refuse them. */
export const BinaryBody = () => RouteConfig({ takesBinaryBody: true });

/** Passes binary bodies to routes as unread streams, because databases are too large to collect in memory. */
export function passBinaryBodies(server: FastifyInstance): void {
  server.addContentTypeParser(TYPES, async (request: FastifyRequest, payload: Readable) => {
    if (request.routeOptions.config.takesBinaryBody) return guarded(payload);
    throw new AppError('UNSUPPORTED_MEDIA_TYPE');
  });
  // A route may answer without reading the body, but a browser reads no answer while it cannot send its body.
  server.addHook('onSend', async ({ body }) => {
    if (body instanceof PassThrough) body.destroy();
  });
}

/** Wraps a body in a stream that may be destroyed; destroying the request would cut the connection before the answer. */
function guarded(payload: Readable): Readable {
  const body = new PassThrough();
  payload.once('error', (error) => body.destroy(error));
  payload.once('close', () => {
    if (!payload.readableEnded) body.destroy(new AppError('BAD_REQUEST', { detail: 'The body broke off.' }));
  });
  // An error before the route reads the body has no other listener, so it would end the process.
  body.on('error', () => undefined);
  body.once('close', () => {
    // Unpipe now: the stream would do it later and pause the payload again.
    payload.unpipe(body);
  });
  return payload.pipe(body);
}
