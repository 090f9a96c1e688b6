import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors/app-error.js';
import { toProblem } from '../errors/problem.js';
import { corsHeaders } from './cors.js';

/** How long a connection stays open after such an answer, so that a client that still sends can read it. */
const GOODBYE_MS = 500;

type ClientError = Error & { code?: string; rawPacket?: unknown };

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Answers what Node refuses before Fastify hears of it (it is no HTTP, its headers are too large, it takes too long) as
 * all errors are answered: with problem+json, and so that pages of `CORS_ORIGINS` can read it.
 */
export class ClientErrors {
  /** The newest request of each connection. */
  private readonly exchanges = new WeakMap<Socket, Exchange>();
  private readonly answered = new WeakSet<Socket>();

  constructor(private readonly corsOrigins: string | null) {}

  /** Fastify's `clientErrorHandler`. */
  readonly handle = (error: ClientError, socket: Socket): void => {
    if (this.answered.has(socket)) return; // what the client goes on sending is refused again and again
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    this.answered.add(socket);
    const newest = this.exchanges.get(socket);
    const answer = (origin?: string) => this.answer(error, socket, origin ?? originIn(error.rawPacket));
    if (!newest || newest.response.writableFinished) answer();
    // The fault is in the next request: first the answer to this one, or the client would mix them up.
    else if (newest.request.complete) newest.response.once('close', () => answer());
    // The fault is in this request's body.
    else if (newest.response.headersSent || !newest.response.socket) socket.destroy();
    else answer(newest.request.headers.origin);
  };

  /** Begins to follow the connections of a server. */
  watch(server: FastifyInstance): void {
    const { server: http } = server as { server: Server };
    http.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      this.exchanges.set(request.socket, { request, response });
    });
    // Node would answer 417 without a body. An expectation that means nothing here may be ignored (RFC 9110, 10.1.1).
    http.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      http.emit('request', request, response);
    });
    // Node's own check of this is turned off, as it answers without a body. After `onRequest`, which adds CORS headers.
    server.addHook('preParsing', ({ raw }, _reply, _payload, next) => {
      const isMissing = raw.headers.host === undefined && raw.httpVersion === '1.1';
      next(isMissing ? new AppError('BAD_REQUEST', { detail: 'The Host header is missing.' }) : null);
    });
  }

  private answer(error: ClientError, socket: Socket, origin: string | undefined): void {
    if (!socket.writable) return;
    const problem = toProblem(toAppError(error), randomUUID());
    const body = JSON.stringify(problem);
    const headers = {
      ...corsHeaders(this.corsOrigins, origin),
      'content-type': 'application/problem+json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
      'x-request-id': problem.request_id,
      connection: 'close',
    };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\n${head.join('')}\r\n${body}`);
    setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  }
}

function toAppError({ code }: ClientError): AppError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AppError('REQUEST_TIMEOUT');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new AppError('BAD_REQUEST', { detail: 'The headers are too large.' });
  return new AppError('BAD_REQUEST', { detail: 'This is no valid HTTP request.' });
}

/** The origin of a request that was not parsed to its end, if it is in the bytes at hand. */
function originIn(packet: unknown): string | undefined {
  if (!Buffer.isBuffer(packet)) return undefined;
  return /^origin:[ \t]*([^\s,]+)[ \t]*\r?$/im.exec(packet.toString('latin1'))?.[1];
}
