import { request, type RequestOptions } from 'node:http';

/** The result of one request, timed until the last byte of its answer arrived. */
export interface Timed {
  ms: number;
  bytes: number;
  /** The answer's body, if it was asked for. */
  text?: string;
}

/** A request, and whether the answer's body is wanted. */
export interface Asked {
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Buffer;
  keepText?: boolean;
}

/**
 * Sends one request over its own connection, without compression, and reads the whole answer without parsing it.
 * @throws Error unless the answer is a success
 */
export function timedRequest(
  url: string,
  { method = 'GET', headers, body, keepText }: Asked = {},
): Promise<Timed> {
  const payload = typeof body === 'string' ? Buffer.from(body) : body;
  const options: RequestOptions = { method, agent: false, headers: { ...headers } };
  if (payload)
    Object.assign(options.headers!, { 'content-type': 'application/json', 'content-length': payload.length });
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const sent = request(url, options, (response) => {
      const kept: Buffer[] = [];
      const isGood = response.statusCode! >= 200 && response.statusCode! < 300;
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (keepText || !isGood) kept.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        const ms = performance.now() - startedAt;
        const text = kept.length > 0 ? Buffer.concat(kept).toString() : undefined;
        if (isGood) resolve({ ms, bytes, text });
        else reject(new Error(`${method} ${url}: ${response.statusCode} ${text?.slice(0, 500) ?? ''}`));
      });
    });
    sent.once('error', reject);
    sent.end(payload);
  });
}
