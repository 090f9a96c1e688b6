import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';

/** The origin that a request came to, as a browser would write it. @throws AppError BAD_REQUEST */
export function originOf(request: FastifyRequest): string {
  const origin = `${request.protocol}://${request.host}`;
  // A name in front of it, or a path behind it, would lead elsewhere.
  if (/^[\w.:[\]-]+$/.test(request.host) && URL.canParse(origin)) return new URL(origin).origin;
  throw new AppError('BAD_REQUEST', { detail: 'The Host header is no host.' });
}
