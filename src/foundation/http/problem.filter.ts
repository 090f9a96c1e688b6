import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import { errors, type ErrorCode } from '../../protocol/errors.js';
import { hasLongList, jsonStream } from './json-pieces.js';

/** Expected errors that the operator should hear of. */
const LOGGED: readonly ErrorCode[] = ['OVERLOADED', 'DATABASE_READ_ONLY', 'DISK_FULL'];

/** Turns every error into problem+json; unexpected errors are logged, and their answers contain no details. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.send(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Answers a request with an error's problem; also used for errors before a route is found. */
  send(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toAppError(thrown);
    if (error.code === 'INTERNAL')
      this.logger.error({ request_id: request.id, err: thrown }, 'Unexpected error');
    else if (thrown instanceof RangeError)
      this.logger.warn({ request_id: request.id, err: thrown }, 'Stack exhausted');
    else if (LOGGED.includes(error.code))
      this.logger.warn({ request_id: request.id, err: thrown }, errors[error.code].title);
    if (reply.sent || reply.raw.headersSent) {
      // Too late to send a problem: cut the connection, so that a broken answer does not look complete.
      reply.raw.destroy();
      return;
    }
    const problem = toProblem(error, request.id);
    const { retry_after } = error.details;
    if (retry_after !== undefined) void reply.header('retry-after', String(retry_after));
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    void reply
      .code(problem.status)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .header('cache-control', 'no-store')
      .removeHeader('content-encoding')
      .send(hasLongList(problem) ? jsonStream(problem) : JSON.stringify(problem));
  }
}

function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  // Only extremely nested input exhausts the stack, in the library that turns it into objects.
  if (thrown instanceof RangeError && thrown.message.startsWith('Maximum call stack')) {
    return new AppError('BAD_REQUEST', { detail: 'The body is nested too deeply.' }, { cause: thrown });
  }
  const status = statusOf(thrown);
  if (status === 404)
    return new AppError('NOT_FOUND', { detail: 'There is no such route.' }, { cause: thrown });
  if (status >= 400 && status < 500) {
    return new AppError(codeOf(status), { detail: (thrown as Error).message }, { cause: thrown });
  }
  return new AppError('INTERNAL', {}, { cause: thrown });
}

/** Errors of the framework itself carry a status. */
function statusOf(thrown: unknown): number {
  if (thrown instanceof HttpException) return thrown.getStatus();
  const { statusCode } = (thrown ?? {}) as { statusCode?: unknown };
  return typeof statusCode === 'number' ? statusCode : 500;
}

function codeOf(status: number): ErrorCode {
  if (status === 413) return 'BODY_TOO_LARGE';
  return status === 415 ? 'UNSUPPORTED_MEDIA_TYPE' : 'BAD_REQUEST';
}
