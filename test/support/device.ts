import supertest, { type Response } from 'supertest';

/** The API's path on a server without `API_PREFIX`. */
const API_PREFIX = '/api/v1';

type QueryValue = string | number | boolean;

/** Query parameters; a list repeats its parameter, undefined leaves it out. */
export type Query = Readonly<Record<string, QueryValue | readonly QueryValue[] | undefined>>;

/** What to send besides method and address. */
export interface SendOptions {
  query?: Query;
  /** Texts and bytes are sent unchanged, anything else as JSON; undefined sends no body. */
  body?: unknown;
  headers?: Readonly<Record<string, string>>;
}

/** A complete answer; JSON is parsed, anything else is a text, no body is undefined. */
export interface Reply {
  status: number;
  headers: Headers;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- callers assert on any shape an answer may have
  body: any;
}

/** What a device may say about itself when it registers. */
export interface Registration {
  name?: string;
  platform?: string;
  pairing_code?: string;
}

/** Sends one request and reads the whole answer; follows no redirects. Throws only for a broken connection. */
export async function send(method: string, url: string, options: SendOptions = {}): Promise<Reply> {
  const address = new URL(url);
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) address.searchParams.append(name, String(one));
  }
  const requests = supertest(address.origin);
  const sending = requests[verbOf(method)](address.pathname + address.search)
    .set({ ...options.headers })
    .ok(() => true)
    .buffer(true)
    .parse(readText);
  if (options.body !== undefined) {
    if (!new Headers(options.headers).has('content-type')) sending.type('application/json');
    sending.serialize((body) => body as string).send(encodeBody(options.body));
  }
  const response = await sending.catch(restoreCode);
  const headers = headersOf(response.headers);
  return { status: response.status, headers, body: decodeBody(response.body, headers) };
}

/** Rethrows an error with its code: of a refused connection, supertest leaves the code in the message alone. */
function restoreCode(error: NodeJS.ErrnoException): never {
  throw Object.assign(error, { code: error.code ?? /^(E[A-Z]+): /.exec(error.message)?.[1] });
}

type Verb = 'get' | 'post' | 'put' | 'patch' | 'delete' | 'head' | 'options';

function verbOf(method: string): Verb {
  return method.toLowerCase() as Verb;
}

function encodeBody(body: unknown): string | Buffer {
  if (typeof body === 'string') return body;
  return body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body);
}

/** Reads an answer as text, so that a test can see an answer that claims to be JSON but is not. */
function readText(response: Response, done: (error: Error | null, text: string) => void): void {
  let text = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => (text += chunk));
  response.on('end', () => done(null, text));
}

function headersOf(fields: Record<string, string | string[]>): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}

/** @param text no text when there was nothing to read, as after HEAD */
function decodeBody(text: unknown, headers: Headers): unknown {
  if (typeof text !== 'string' || text === '') return undefined;
  return /[/+]json\b/.test(headers.get('content-type') ?? '') ? JSON.parse(text) : text;
}

/** A registered device over plain HTTP: exactly what a test sends goes over the wire. */
export class TestDevice {
  private constructor(
    /** The server's address, without the API's prefix. */
    readonly url: string,
    readonly accountId: string,
    readonly deviceId: string,
    public accessToken: string,
    public refreshToken: string,
  ) {}

  /**
   * Registers a device: on a new account, or on the one that its pairing code belongs to.
   * @throws Error when the server refuses
   */
  static async register(url: string, body: Registration = {}): Promise<TestDevice> {
    const address = url.replace(/\/+$/, '');
    const reply = await send('POST', `${address}${API_PREFIX}/auth/devices`, { body });
    expectStatus(reply, 201, 'register a device');
    const { account_id, device_id, access_token, refresh_token } = reply.body as Record<string, string>;
    return new TestDevice(address, account_id!, device_id!, access_token!, refresh_token!);
  }

  /** Sends a request with this device's access token; `path` is below the API's prefix. */
  request(method: string, path: string, options: SendOptions = {}): Promise<Reply> {
    const headers = { authorization: `Bearer ${this.accessToken}`, ...options.headers };
    return send(method, `${this.url}${API_PREFIX}${path}`, { ...options, headers });
  }

  /** `GET /sync/pull`. */
  pull(query: Query = {}): Promise<Reply> {
    return this.request('GET', '/sync/pull', { query });
  }

  /** `POST /sync/push` with `{ changes, last_pulled_at }` as its body. */
  push(changes: unknown, lastPulledAt: number, query: Query = {}): Promise<Reply> {
    return this.request('POST', '/sync/push', { query, body: { changes, last_pulled_at: lastPulledAt } });
  }

  /** Makes a pairing code and registers a second device of the same account with it. */
  async pair(body: Omit<Registration, 'pairing_code'> = {}): Promise<TestDevice> {
    const reply = await this.request('POST', '/auth/pairing-codes');
    expectStatus(reply, 201, 'make a pairing code');
    return TestDevice.register(this.url, { ...body, pairing_code: (reply.body as { code: string }).code });
  }

  /** Exchanges the refresh token for a new pair of tokens; keeps the pair if the server accepts. */
  async refresh(): Promise<Reply> {
    const body = { refresh_token: this.refreshToken };
    const reply = await send('POST', `${this.url}${API_PREFIX}/auth/token`, { body });
    if (reply.status === 200) {
      const tokens = reply.body as { access_token: string; refresh_token: string };
      this.accessToken = tokens.access_token;
      this.refreshToken = tokens.refresh_token;
    }
    return reply;
  }
}

function expectStatus(reply: Reply, status: number, purpose: string): void {
  if (reply.status !== status) {
    throw new Error(`Could not ${purpose}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }
}
