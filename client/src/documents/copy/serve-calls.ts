import { CopyHost } from './copy-host.js';
import type { WorkerAnswer, WorkerCall } from './copy-client.js';

/** Answers a CopyClient's calls, one after the other. @param post sends an answer @returns what takes a call */
export function serveCalls(post: (answer: WorkerAnswer) => void): (call: WorkerCall) => void {
  const host = new CopyHost((bytes, total) => post({ bytes, total }));
  let last: Promise<void> = Promise.resolve();
  return ({ id, method, args }) => {
    last = last.then(async () => {
      try {
        const run = host[method] as (...args: unknown[]) => Promise<unknown>;
        post({ id, result: await run.apply(host, args) });
      } catch (thrown) {
        post({ id, error: toPlain(thrown) });
      }
    });
  };
}

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
