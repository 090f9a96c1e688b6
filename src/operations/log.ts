import { randomUUID } from 'node:crypto';
import type { LoggerService } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { pino, type Logger } from 'pino';

/** The server's log: JSON lines, or readable ones on a terminal. */
export async function createLogger(level: string): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
  };
  if (!process.stdout.isTTY) return pino(options);
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ sync: true, singleLine: true }));
}

/** Keeps only what identifies an error, as database errors carry their SQL and its parameters. */
function describeError(thrown: unknown): Record<string, unknown> {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const { code } = thrown as { code?: unknown };
  const cause = thrown.cause === undefined ? undefined : describeError(thrown.cause);
  return {
    type: thrown.name,
    message: thrown.message.split('\n', 1)[0],
    code,
    stack: framesOf(thrown),
    cause,
  };
}

function framesOf(error: Error): string | undefined {
  return error.stack
    ?.split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n');
}

/** Sends Nest's own log lines to the server's log. */
export function nestLogger(logger: Logger): LoggerService {
  const context = (rest: unknown[]) => ({ context: rest.find((entry) => typeof entry === 'string') });
  return {
    log: (message, ...rest: unknown[]) => logger.debug(context(rest), String(message)),
    warn: (message, ...rest: unknown[]) => logger.warn(context(rest), String(message)),
    error: (message, ...rest: unknown[]) => {
      // Of a start that failed; the command line prints its fault.
      if (rest.includes('ExceptionHandler')) return;
      if (message instanceof Error) logger.error({ err: message, ...context(rest) }, 'Error');
      else logger.error(context(rest), String(message));
    },
  };
}

/** Takes the client's request id if it is well formed, else makes one. */
export function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

/** Adds the request id to answers, and logs one line per request without headers, query or body: they may hold tokens. */
export function logRequests(server: FastifyInstance, logger: Logger): void {
  const isLogging = logger.isLevelEnabled('info');
  server.addHook('onRequest', async (request, reply) => {
    void reply.header('x-request-id', request.id);
    // The hook onResponse would not do: it does not run when the client disconnects early.
    if (isLogging) reply.raw.once('close', () => logger.info(describeRequest(request, reply), 'request'));
  });
}

function describeRequest(request: FastifyRequest, reply: FastifyReply): Record<string, unknown> {
  return {
    request_id: request.id,
    method: request.method,
    route: request.routeOptions.url ?? null,
    status: reply.statusCode,
    // True: the client disconnected before it had the whole answer.
    is_aborted: reply.raw.writableFinished ? undefined : true,
    ms: Math.round(reply.elapsedTime * 10) / 10,
    device_id: request.device?.deviceId,
  };
}
