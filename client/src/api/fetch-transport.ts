import type { HttpAnswer, HttpRequest } from './transport.js';

/**
 * Makes requests with `fetch`, which reports each received piece, but not what was sent.
 * @param send stands in for the global `fetch`
 */
export async function fetchTransport(request: HttpRequest, send = fetch): Promise<HttpAnswer> {
  const { method, url, headers, body, signal } = request;
  const response = await send(url, { method, headers, body, signal });
  const header = (name: string): string | null => response.headers.get(name);
  request.onHeaders?.(header);
  const length = Number(header('content-length'));
  const totalBytes = length > 0 && header('content-encoding') === null ? length : null;
  let text = '';
  const take = (piece: string): void => {
    if (piece === '') return;
    text += piece;
    request.onReceived?.(piece, totalBytes);
  };
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  if (!reader) take(await response.text()); // React Native's `fetch` has no streams
  for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
    take(decoder.decode(read.value, { stream: true }));
  }
  take(decoder.decode());
  return { status: response.status, body: text, header };
}
