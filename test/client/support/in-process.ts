import type { WorkerAnswer, WorkerLike } from '../../../client/src/documents/copy/copy-client.js';
import { serveCalls } from '../../../client/src/documents/copy/serve-calls.js';
import {
  openWith,
  type OpenDocument,
  type OpenedDocument,
} from '../../../client/src/documents/live/live-document.js';
import { wasmFile } from './merging-document.js';

/** Opens a document as `openDocument` does, with the worker's code in this process and the copy in memory. */
export function openInProcess(options: OpenDocument): Promise<OpenedDocument> {
  const worker: WorkerLike = {
    onmessage: null,
    onerror: null,
    postMessage: (call) => void setImmediate(serve, call),
    terminate: () => (worker.onmessage = null),
  };
  const serve = serveCalls((answer: WorkerAnswer) => worker.onmessage?.({ data: answer }));
  return openWith(worker, { binary: wasmFile }, { ...options, storage: 'memory' });
}
