import { PassThrough, type Readable } from 'node:stream';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';
import { drain } from './unread-body.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** See `BinaryBody`. */
    takesBinaryBody?: boolean;
  }
}

const TYPES = ['application/gzip', 'application/octet-stream', 'application/vnd.sqlite3'];

/** Marks a route that gets binary bodies as a stream; every other route refuses them. */
export const BinaryBody = () => RouteConfig({ takesBinaryBody: true });

/** Hands binary bodies on as they come in, unread: databases are too large to be collected. */
export function passBinaryBodies(server: FastifyInstance): void {
  server.addContentTypeParser(TYPES, async (request: FastifyRequest, payload: Readable) => {
    if (request.routeOptions.config.takesBinaryBody) return guarded(payload);
    throw new AppError('UNSUPPORTED_MEDIA_TYPE');
  });
  // A route may answer without reading its body, and a browser takes no answer while its body is stuck.
  server.addHook('onSend', async ({ body }) => {
    if (body instanceof PassThrough) body.destroy();
  });
}

/** A stream that may be destroyed: destroying the request itself would cut the connection before the answer is sent. */
function guarded(payload: Readable): Readable {
  const body = new PassThrough();
  payload.once('error', (error) => body.destroy(error));
  payload.once('close', () => {
    if (!payload.readableEnded) body.destroy(new AppError('BAD_REQUEST', { detail: 'The body broke off.' }));
  });
  // An error that comes before the route reads the body has no other listener, and would end the process.
  body.on('error', () => undefined);
  body.once('close', () => {
    // The stream would unpipe itself later, and pause the payload again.
    payload.unpipe(body);
    drain(payload);
  });
  return payload.pipe(body);
}
