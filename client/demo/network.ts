// Lets this page cut its own network, so that one can see what happens: its WebSocket and fetch are replaced by ones that fail
// while the network is cut. To be imported before anything that keeps the browser's own.

let isCut = false;
const sockets = new Set<WebSocket>();
const requests = new Set<AbortController>();

const Native = globalThis.WebSocket;
globalThis.WebSocket = class extends Native {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    sockets.add(this);
    this.addEventListener('close', () => sockets.delete(this));
    if (isCut) this.close();
  }
};

const send = globalThis.fetch;
globalThis.fetch = async (input, init = {}) => {
  if (isCut) throw new TypeError('The network is cut.');
  const abort = new AbortController();
  requests.add(abort);
  const signal = init.signal ? AbortSignal.any([init.signal, abort.signal]) : abort.signal;
  try {
    return await send(input, { ...init, signal });
  } finally {
    requests.delete(abort);
  }
};

/** Cuts the network, or connects it again. */
export function cutNetwork(cut: boolean): void {
  isCut = cut;
  if (!cut) return void globalThis.dispatchEvent(new Event('online'));
  for (const socket of sockets) socket.close();
  for (const request of requests) request.abort();
}
