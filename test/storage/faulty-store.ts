import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What can happen to a request on its way to the store. */
export type Fault =
  /** The connection breaks before anything is answered. */
  | 'broken'
  /** Nothing is ever answered. */
  | 'stalled'
  /** The store answers 500. */
  | 'failing'
  /** The connection breaks in the middle of the answer's body. */
  | 'half'
  /** The answer's body stops in the middle, and the connection stays. */
  | 'half, then stalled'
  /** One bit of the request's body arrives as another. */
  | 'flipped';

/** What a test knows of a request when it decides: `PUT`, and whether it carries a part. */
export interface Passing {
  method: string;
  query: URLSearchParams;
}

const FAILURE =
  '<?xml version="1.0"?><Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>';

/** A way to an S3 store on which a test decides what goes wrong. */
export class FaultyStore implements AsyncDisposable {
  /** How many requests came by. */
  requests = 0;
  /** What happens to a request; undefined: it passes. */
  fault: (passing: Passing) => Fault | undefined = () => undefined;
  private readonly server = createServer(
    (request, response) => void this.pass(request, response).catch(() => response.destroy()),
  );

  /** @param store where the real one is, such as `http://127.0.0.1:8080` */
  constructor(private readonly store: string) {}

  /** Starts to listen. @returns the endpoint that leads through here */
  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next requests meet these faults, one each; those after them pass. */
  plan(...faults: Fault[]): void {
    this.fault = () => faults.shift();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { searchParams: query } = new URL(request.url!, this.store);
    const fault = this.fault({ method: request.method!, query });
    if (fault === 'broken') return void response.destroy();
    const body = await buffer(request);
    if (fault === 'stalled') return;
    if (fault === 'failing') {
      response.writeHead(500, { 'content-type': 'application/xml', 'content-length': FAILURE.length });
      return void response.end(request.method === 'HEAD' ? '' : FAILURE);
    }
    if (fault === 'flipped' && body.length > 0) body[body.length >> 1]! ^= 1;
    await this.forward(request, body, response, fault);
  }

  private async forward(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    fault: Fault | undefined,
  ): Promise<void> {
    // With the headers as they are: the signature names the host that the client knows.
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      send(new URL(url!, this.store), { method, headers, agent: false }, resolve)
        .once('error', reject)
        .end(body);
    });
    const answered = await buffer(answer);
    response.writeHead(answer.statusCode!, answer.headers);
    if (fault !== 'half' && fault !== 'half, then stalled') return void response.end(answered);
    response.write(answered.subarray(0, answered.length >> 1), () => {
      if (fault === 'half') response.destroy();
    });
  }
}
