import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { workerCache } from './worker-cache.js';

interface ResponseObject {
  headers?: Record<string, { required?: boolean }>;
  content?: Record<string, { schema?: unknown }>;
  $ref?: string;
}
type Operation = { responses?: Record<string, ResponseObject> };
interface OpenApiDocument {
  servers?: { url: string }[];
  paths: Record<string, Record<string, Operation | undefined>>;
  components?: { responses?: Record<string, ResponseObject> };
}

/** One answer as the server sent it. */
interface Answer {
  method: string;
  path: string;
  status: number;
  headers: Record<string, unknown>;
  chunks: Buffer[];
}

/** The pages that describe the API, the app's files and the socket's address are not part of the API. */
const UNDOCUMENTED =
  /^\/(docs(\/.*)?|documents|openapi\.json|socket\.io\/.*|_expo\/.*|assets\/.*|\.well-known\/.*|favicon\.ico|service-worker\.js)?$/;
const PROBLEM = 'application/problem+json';
/** Larger bodies are checked when the server closes, so that the check does not disturb measurements. */
const AT_ONCE_BYTES = 1 << 20;
const DOCUMENT_ID = 'openapi.json';

const decoders: Record<string, (body: Buffer) => Buffer> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

/** Compares every response of a server with its OpenAPI document. */
export class OpenApiCheck {
  private readonly violations: string[] = [];
  private readonly deferred: Answer[] = [];
  private readonly description: Description;

  /** @param text the OpenAPI 3.1 document as JSON */
  constructor(text: string) {
    this.description = Description.of(text);
  }

  /** Records the bytes sent, below the framework: streams, hijacked and compressed answers included. */
  watch(server: Server): void {
    server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
      const { chunks, headers } = record(response);
      response.once('finish', () => {
        const path = (request.url ?? '/').split('?', 1)[0]!;
        this.take({ method: request.method ?? '', path, status: response.statusCode, headers, chunks });
      });
    });
  }

  /** @throws Error listing every response that the document does not describe */
  assertAllDescribed(): void {
    for (const answer of this.deferred.splice(0)) this.check(answer);
    const found = this.violations.splice(0);
    if (found.length === 0) return;
    const shown = [...new Set(found)].slice(0, 10).join('\n\n');
    throw new Error(`${found.length} responses do not fit /openapi.json:\n\n${shown}`);
  }

  private take(answer: Answer): void {
    const sizeBytes = answer.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (sizeBytes > AT_ONCE_BYTES) this.deferred.push(answer);
    else this.check(answer);
  }

  private check(answer: Answer): void {
    if (UNDOCUMENTED.test(answer.path)) return;
    let body = Buffer.concat(answer.chunks);
    const fail = (what: string): void => {
      const { method, path, status } = answer;
      this.violations.push(`${method} ${path} → ${status}: ${what}\n  ${body.toString().slice(0, 300)}`);
    };
    try {
      // A part of a compressed body cannot be inflated separately.
      if (answer.status !== 206) body = decode(body, answer.headers['content-encoding']);
      const what = this.description.findFault(answer, body);
      if (what !== undefined) fail(what);
    } catch (error) {
      fail(String(error));
    }
  }
}

/** Records what a response sends: its bytes, and its headers by lower-case name. */
function record(response: ServerResponse): Pick<Answer, 'chunks' | 'headers'> {
  const chunks: Buffer[] = [];
  const headers: Record<string, unknown> = {};
  const keepChunk = (chunk: unknown, encoding: unknown): void => {
    if (typeof chunk === 'string') {
      chunks.push(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    } else if (chunk instanceof Uint8Array) {
      chunks.push(Buffer.from(chunk));
    }
  };
  spyOn(response, 'write', keepChunk);
  spyOn(response, 'end', keepChunk);
  spyOn(response, 'writeHead', (_status, ...rest) => {
    // getHeader() may not return headers that are passed here.
    const given = rest.find((one) => typeof one === 'object' && one !== null) ?? {};
    for (const [name, value] of Object.entries({ ...response.getHeaders(), ...given })) {
      headers[name.toLowerCase()] = value;
    }
  });
  return { chunks, headers };
}

function spyOn(
  response: ServerResponse,
  method: 'write' | 'end' | 'writeHead',
  see: (...args: unknown[]) => void,
): void {
  const original = response[method] as (...args: unknown[]) => unknown;
  const spy = function (this: unknown, ...args: unknown[]): unknown {
    see(...args);
    return original.apply(this, args);
  };
  Object.assign(response, { [method]: spy });
}

function decode(body: Buffer, encoding: unknown): Buffer<ArrayBuffer> {
  const decoder = typeof encoding === 'string' ? decoders[encoding] : undefined;
  return Buffer.from(decoder && body.length > 0 ? decoder(body) : body);
}

/** A parsed document with its compiled schemas; many servers share it. */
class Description {
  private static readonly known = new Map<string, Description>();
  private readonly document: OpenApiDocument;
  private readonly templates: { pattern: RegExp; path: string }[];
  private readonly ajv: Ajv2020;

  private constructor(text: string) {
    this.document = JSON.parse(text) as OpenApiDocument;
    this.ajv = compilerOf(text);
    const base = new URL(this.document.servers?.[0]?.url ?? '/', 'http://localhost').pathname.replace(
      /\/$/,
      '',
    );
    this.templates = Object.keys(this.document.paths)
      .sort((a, b) => a.split('{').length - b.split('{').length) // a literal path wins over one with parameters
      .map((path) => ({ path, pattern: toPattern(base + path) }));
  }

  static of(text: string): Description {
    let description = this.known.get(text);
    if (!description) this.known.set(text, (description = new Description(text)));
    return description;
  }

  /** @returns what is wrong with an answer; undefined: nothing */
  findFault(answer: Answer, body: Buffer): string | undefined {
    const mediaType = String(answer.headers['content-type'] ?? '').split(';', 1)[0]!;
    const method = answer.method.toLowerCase();
    const template = this.templates.find(({ pattern }) => pattern.test(answer.path));
    const operations = template && this.document.paths[template.path];
    const documented = method === 'head' && !operations?.head ? 'get' : method;
    const operation = operations?.[documented];
    if (!template || !operation) {
      if (answer.status < 400 || mediaType !== PROBLEM) return `an unknown route must answer ${PROBLEM}`;
      return method === 'head' ? undefined : faultOfProblem(answer, JSON.parse(body.toString()));
    }
    const range = `${String(answer.status)[0]}XX`;
    const key = [String(answer.status), range, 'default'].find((name) => operation.responses?.[name]);
    if (!key) return 'this status is not documented';
    const { pointer, response } = this.resolve(operation.responses![key]!, [
      ...['paths', template.path, documented, 'responses', key],
    ]);
    for (const [name, header] of Object.entries(response.headers ?? {})) {
      if (header.required && answer.headers[name.toLowerCase()] === undefined) return `no header ${name}`;
    }
    if (method === 'head') return undefined;
    if (!response.content) return body.length > 0 ? 'no body is documented' : undefined;
    const schema = response.content[mediaType];
    if (!schema) return `the media type "${mediaType}" is not documented`;
    if (!/[/+]json$/.test(mediaType)) return undefined;
    const value: unknown = JSON.parse(body.toString());
    const validate = this.validatorOf([...pointer, 'content', mediaType, 'schema']);
    if (schema.schema && !validate(value)) return this.ajv.errorsText(validate.errors?.slice(0, 5));
    return mediaType === PROBLEM ? faultOfProblem(answer, value) : undefined;
  }

  private resolve(
    response: ResponseObject,
    pointer: string[],
  ): { pointer: string[]; response: ResponseObject } {
    const name = response.$ref?.replace('#/components/responses/', '');
    if (name === undefined) return { pointer, response };
    return {
      pointer: ['components', 'responses', name],
      response: this.document.components!.responses![name]!,
    };
  }

  private validatorOf(pointer: string[]): ValidateFunction {
    const escaped = pointer.map((part) =>
      encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
    );
    const $ref = `${DOCUMENT_ID}#/${escaped.join('/')}`;
    const validator = this.ajv.getSchema($ref);
    if (!validator) throw new Error(`There is no ${$ref}.`);
    return validator;
  }
}

/** A compiler that caches its compiled schemas. */
function compilerOf(text: string): Ajv2020 {
  const known = workerCache.get(text);
  if (known) return known as Ajv2020;
  const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
  ajv.addSchema(JSON.parse(text) as object, DOCUMENT_ID);
  workerCache.set(text, ajv);
  return ajv;
}

function toPattern(path: string): RegExp {
  const literal = path.replace(/[.*+?^$()|[\]\\]/g, '\\$&');
  return new RegExp(`^${literal.replace(/\{[^}]+\}/g, '[^/]+')}$`);
}

/** Checks a problem against RFC 9457 and this server's own rules, independently of the document. */
function faultOfProblem(answer: Answer, problem: unknown): string | undefined {
  const { code, title, status } = (problem ?? {}) as Record<string, unknown>;
  if (typeof code !== 'string' || typeof title !== 'string') return 'a problem needs its code and title';
  return status === undefined || status === answer.status
    ? undefined
    : `the problem says status ${String(status)}`;
}
