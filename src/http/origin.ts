import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error.js';

/** The origin that a request came to, as a browser would write it. @throws AppError BAD_REQUEST */
export function originOf(request: FastifyRequest): string {
  try {
    return new URL(`${request.protocol}://${request.host}`).origin;
  } catch (error) {
    throw new AppError('BAD_REQUEST', { detail: 'The Host header is no host.' }, { cause: error });
  }
}
