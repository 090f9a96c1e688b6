import { CopyHost } from './copy-host.js';
import type { WorkerAnswer, WorkerCall } from './copy-client.js';

// The dedicated worker in which the engine runs. It does one call after the other, in the order in which they came.

interface Scope {
  onmessage: ((event: { data: WorkerCall }) => void) | null;
  postMessage(message: WorkerAnswer): void;
}
const scope = globalThis as unknown as Scope;

const host = new CopyHost((bytes, total) => scope.postMessage({ bytes, total }));
let last: Promise<void> = Promise.resolve();

scope.onmessage = ({ data: { id, method, args } }) => {
  last = last.then(async () => {
    try {
      const run = host[method] as (...args: unknown[]) => Promise<unknown>;
      scope.postMessage({ id, result: await run.apply(host, args) });
    } catch (thrown) {
      scope.postMessage({ id, error: toPlain(thrown) });
    }
  });
};

function toPlain(thrown: unknown): {
  name: string;
  message: string;
  code: string | number | null;
  isTrap: boolean;
} {
  const { name, message, code } = thrown as { name?: string; message?: string; code?: string | number };
  return {
    name: name ?? 'Error',
    message: message ?? String(thrown),
    code: code ?? null,
    isTrap: name === 'RuntimeError', // of WebAssembly
  };
}
