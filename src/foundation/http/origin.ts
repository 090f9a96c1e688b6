import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';

/** The server's origin as the client addressed it, in a browser's notation. @throws AppError BAD_REQUEST */
export function originOf(request: FastifyRequest): string {
  const origin = `${request.protocol}://${request.host}`;
  // A user name before the host, or a path after it, would make the origin point elsewhere.
  if (/^[\w.:[\]-]+$/.test(request.host) && URL.canParse(origin)) return new URL(origin).origin;
  throw new AppError('BAD_REQUEST', { detail: 'The Host header is no host.' });
}
