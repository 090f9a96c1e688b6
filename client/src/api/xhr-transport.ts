import type { HttpAnswer, HttpRequest, Transport } from './transport.js';

// Declared here, because Node has none and its compiler settings do not know it.
interface ProgressEvent {
  loaded: number;
  total: number;
  lengthComputable: boolean;
}
interface Xhr {
  readonly readyState: number;
  readonly status: number;
  readonly responseText: string;
  readonly upload: { onprogress: ((event: ProgressEvent) => void) | null };
  onreadystatechange: (() => void) | null;
  onprogress: ((event: ProgressEvent) => void) | null;
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  ontimeout: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getResponseHeader(name: string): string | null;
  send(body: string | Blob | null): void;
  abort(): void;
}
const { XMLHttpRequest: Request } = globalThis as { XMLHttpRequest?: new () => Xhr };
const HEADERS_RECEIVED = 2;

/**
 * Makes requests with XMLHttpRequest: unlike `fetch` it reports what was sent and, on phones, what was received. Null:
 * there is none here, as in Node.
 */
export const xhrTransport: Transport | null = Request ? (request) => send(new Request(), request) : null;

function send(xhr: Xhr, request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const header = (name: string): string | null => xhr.getResponseHeader(name);
    let received = 0;
    const abort = (): void => xhr.abort();
    const end = (): void => request.signal.removeEventListener('abort', abort);
    const takePiece = (totalBytes: number | null): void => {
      const piece = xhr.responseText.slice(received);
      received += piece.length;
      if (piece !== '') request.onReceived?.(piece, totalBytes);
    };

    xhr.open(request.method, request.url);
    for (const [name, value] of Object.entries(request.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded, total, lengthComputable }) =>
      request.onSent?.(loaded, lengthComputable ? total : null);
    xhr.onreadystatechange = () => {
      if (xhr.readyState === HEADERS_RECEIVED && xhr.status > 0) request.onHeaders?.(header);
    };
    xhr.onprogress = ({ total, lengthComputable }) => takePiece(lengthComputable ? total : null);
    xhr.onload = () => {
      end();
      takePiece(null);
      resolve({ status: xhr.status, body: xhr.responseText, header });
    };
    const fail = (): void => {
      end();
      reject(new Error('No answer.'));
    };
    xhr.onerror = fail;
    xhr.onabort = fail;
    xhr.ontimeout = fail;
    if (request.signal.aborted) return fail();
    request.signal.addEventListener('abort', abort);
    xhr.send(request.body ?? null);
  });
}
