import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

/** What the proxy can do to a request to the store. */
export type Fault =
  /** The connection breaks before any answer. */
  | 'broken'
  /** Half of the request's body reaches the store; then the connection breaks, on both sides. */
  | 'cut'
  /** There is never an answer. */
  | 'stalled'
  /** The store processes the request, but there is never an answer. */
  | 'unanswered'
  /** It is read and passed on only when `patience` has settled; the answer comes in small pieces. */
  | 'slow'
  /** The store answers 500. */
  | 'failing'
  /** The store answers 507: it is full. */
  | 'full'
  /** The store answers 403: the account's quota is used up. */
  | 'over its quota'
  /** The store answers 503: there are too many requests. */
  | 'overrun'
  /** The connection breaks in the middle of the answer's body; the answer to HEAD has half of the length. */
  | 'half'
  /** The answer's body stops in the middle, and the connection stays open. */
  | 'half, then stalled'
  /** One bit of the request's body is flipped. */
  | 'flipped';

/** The data of a request by which a test decides: method, object, and query (such as the number of a part). */
export interface Passing {
  method: string;
  /** Includes the bucket: `/bucket/prefix/key`. */
  path: string;
  query: URLSearchParams;
}

/** The answers of S3 stores. */
const REFUSALS: Partial<Record<Fault, { status: number; code: string }>> = {
  failing: { status: 500, code: 'InternalError' },
  full: { status: 507, code: 'XMinioStorageFull' },
  'over its quota': { status: 403, code: 'QuotaExceeded' },
  overrun: { status: 503, code: 'SlowDown' },
};
const LITTLE_PIECES = 10;
const BETWEEN_PIECES_MS = 5;

/** A proxy to an S3 store, whose faults a test decides. */
export class FaultyStore implements AsyncDisposable {
  /** How many requests arrived. */
  requests = 0;
  /** How many open requests have no answer and will not get one. */
  waiting = 0;
  /** Decides the fault of a request; undefined: it passes. */
  fault: (passing: Passing) => Fault | undefined = () => undefined;
  /** What slow requests wait for. */
  patience: Promise<void> = Promise.resolve();
  private port = 0;
  private readonly server = createServer(
    (request, response) => void this.pass(request, response).catch(() => response.destroy()),
  );

  /** @param store the address of the real store, such as `http://127.0.0.1:8080` */
  constructor(private readonly store: string) {}

  /** Starts to listen, on the same port as before. @returns the proxy's endpoint */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.server.address() as AddressInfo).port;
    return `http://127.0.0.1:${this.port}`;
  }

  /** Stops listening until `listen`. */
  async goDown(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Gives each of the next requests one of these faults; later requests pass. */
  plan(...faults: Fault[]): void {
    this.fault = () => faults.shift();
  }

  /** Later requests pass; requests under way keep their faults. */
  recover(): void {
    this.fault = () => undefined;
    this.waiting = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.server.listening) await this.goDown();
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { pathname: path, searchParams: query } = new URL(request.url!, this.store);
    const fault = this.fault({ method: request.method!, path, query });
    if (fault === 'broken') return void response.destroy();
    if (fault === 'slow') {
      this.waiting += 1;
      await this.patience;
      this.waiting -= 1;
    }
    const body = await buffer(request);
    if (fault === 'stalled') return void (this.waiting += 1);
    if (fault && REFUSALS[fault]) return refuse(request, response, REFUSALS[fault]);
    if (fault === 'flipped' && body.length > 0) body[body.length >> 1]! ^= 1;
    if (fault === 'cut') return this.cut(request, body, response);
    const answer = await this.forward(request, body);
    const answered = await buffer(answer);
    if (fault === 'unanswered') return void (this.waiting += 1);
    await reply(request, response, answer, answered, fault);
  }

  private async forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    // The headers stay unchanged: the signature covers the host that the client used.
    return new Promise<IncomingMessage>((resolve, reject) => {
      send(new URL(url!, this.store), { method, headers, agent: false }, resolve)
        .once('error', reject)
        .end(body);
    });
  }

  private async cut(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    const sent = send(new URL(url!, this.store), { method, headers, agent: false });
    sent.on('error', () => undefined);
    await new Promise((resolve) => sent.write(body.subarray(0, body.length >> 1), resolve));
    sent.destroy();
    response.destroy();
  }
}

function refuse(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, code }: { status: number; code: string },
): void {
  const said = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>It cannot be done now.</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': said.length });
  response.end(method === 'HEAD' ? '' : said);
}

async function reply(
  { method }: IncomingMessage,
  response: ServerResponse,
  { statusCode, headers }: IncomingMessage,
  body: Buffer,
  fault: Fault | undefined,
): Promise<void> {
  const isHalf = fault === 'half' || fault === 'half, then stalled';
  if (isHalf && method === 'HEAD') {
    const length = Number(headers['content-length']) >> 1;
    return void response.writeHead(statusCode!, { ...headers, 'content-length': length }).end();
  }
  // An answer without a body breaks off before its headers.
  if (isHalf && body.length === 0) return void (fault === 'half' && response.destroy());
  response.writeHead(statusCode!, headers);
  if (isHalf) {
    response.write(body.subarray(0, body.length >> 1), () => {
      if (fault === 'half') response.destroy();
    });
    return;
  }
  const pieces = fault === 'slow' ? LITTLE_PIECES : 1;
  for (let piece = 0; piece < pieces - 1; piece += 1) {
    const [from, to] = [piece, piece + 1].map((at) => Math.floor((body.length * at) / pieces));
    if (to! > from!) response.write(body.subarray(from, to));
    await delay(BETWEEN_PIECES_MS);
  }
  response.end(body.subarray(Math.floor((body.length * (pieces - 1)) / pieces)));
}
