import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';

const HOST = /^(\[[\da-f:.]+\]|[\w-]+(\.[\w-]+)*\.?)(:\d{1,5})?$/i;

/** The server's origin as the client addressed it, in a browser's notation. @throws AppError BAD_REQUEST */
export function originOf(request: FastifyRequest): string {
  const protocol = request.protocol.toLowerCase();
  if (protocol !== 'http' && protocol !== 'https')
    throw new AppError('BAD_REQUEST', { detail: 'X-Forwarded-Proto is neither http nor https.' });
  const origin = `${protocol}://${request.host}`;
  // A user name before the host, or a path after it, would make the origin point elsewhere.
  if (HOST.test(request.host) && URL.canParse(origin)) return new URL(origin).origin;
  throw new AppError('BAD_REQUEST', { detail: 'The Host header, or X-Forwarded-Host, is no host.' });
}
