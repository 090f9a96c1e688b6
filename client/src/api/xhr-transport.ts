import type { HttpAnswer, HttpRequest } from './transport.js';

/** Makes requests with XMLHttpRequest: unlike `fetch` it reports what was sent and, on phones, what was received. */
export function xhrTransport(request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
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
      if (xhr.readyState === XMLHttpRequest.HEADERS_RECEIVED && xhr.status > 0) request.onHeaders?.(header);
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
