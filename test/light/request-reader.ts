/** One HTTP/1.1 request as it was sent. */
export interface RawRequest {
  method: string;
  path: string;
  /** Head and body, byte for byte. */
  bytes: Buffer;
}

/** Receives what a request reader finds. */
export interface RequestSink {
  onRequest(request: RawRequest): void;
  /** Bytes after an upgrade to WebSocket, and bytes that cannot be parsed; passed on as they come. */
  onTunnel(bytes: Buffer): void;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

/** Finds where each HTTP request begins and ends in the bytes of one connection. */
export class RequestReader {
  /** Whether the connection was upgraded; after that there are no requests. */
  isTunnel = false;
  #pending: Buffer = Buffer.alloc(0);

  constructor(private readonly sink: RequestSink) {}

  feed(bytes: Buffer): void {
    if (this.isTunnel) return this.sink.onTunnel(bytes);
    this.#pending = Buffer.concat([this.#pending, bytes]);
    while (!this.isTunnel) {
      const headEnd = this.#pending.indexOf(HEAD_END);
      if (headEnd < 0) return;
      const head = this.#pending.subarray(0, headEnd).toString('latin1');
      const bodyStart = headEnd + HEAD_END.length;
      if (/^(upgrade|expect):/im.test(head)) {
        this.isTunnel = true;
        return this.sink.onTunnel(this.#take(this.#pending.length));
      }
      const end = /^transfer-encoding:.*chunked/im.test(head)
        ? chunkedEnd(this.#pending, bodyStart)
        : bodyStart + Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
      if (end === null || end > this.#pending.length) return;
      const [method = '', path = ''] = head.split(' ', 2);
      this.sink.onRequest({ method, path, bytes: this.#take(end) });
    }
  }

  #take(length: number): Buffer {
    const taken = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return taken;
  }
}

/** @returns the offset after a chunked body; null: it is not complete */
function chunkedEnd(bytes: Buffer, start: number): number | null {
  for (let offset = start; ;) {
    const lineEnd = bytes.indexOf(LINE_END, offset);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(bytes.subarray(offset, lineEnd).toString('latin1'), 16);
    if (!(size >= 0)) throw new Error('A chunk of an HTTP request has no size.');
    offset = lineEnd + LINE_END.length + size + LINE_END.length;
    if (offset > bytes.length) return null;
    if (size === 0) return offset;
  }
}
