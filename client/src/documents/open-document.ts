import { SyncError } from '../api/sync-error.js';
import type { WorkerLike } from './copy/copy-client.js';
import { openWith, type OpenDocument, type OpenedDocument } from './live/live-document.js';

export { SyncError } from '../api/sync-error.js';
export type { Observable } from '../light/observable.js';
export type { Progress, Reason } from '../light/reason.js';
export type { Light, SyncState, SyncStatus } from '../light/status.js';
export type { SqlValue } from './copy/connection.js';
export type { CopyStorage } from './copy/copy-host.js';
export type { ExportedCell } from './live/exported-cells.js';
export type { Reader, Row, TableListener, Transaction } from './live/local-copy.js';

export type { OpenDocument, OpenedDocument, PendingWay } from './live/live-document.js';

/**
 * Opens this tab's copy of a document, with or without a network. Call `hold` or `watch` to connect.
 * @throws SyncError the engine could not be started, or the copy not be opened
 */
export async function openDocument(options: OpenDocument): Promise<OpenedDocument> {
  const { workerUrl, wasmUrl } = options.engine ?? {};
  return openWith(startWorker(workerUrl), { url: wasmUrl }, options);
}

function startWorker(url: string | URL | undefined): WorkerLike {
  const { Worker } = globalThis as {
    Worker?: new (url: string | URL, options: { type: 'module' }) => WorkerLike;
  };
  if (!Worker) throw new SyncError('ENGINE_FAILED', 'There are no workers here.', 'Use a browser.');
  // Written out, because bundlers look for exactly this.
  if (url === undefined) return new Worker(new URL('./copy/worker.js', import.meta.url), { type: 'module' });
  return new Worker(url, { type: 'module' });
}
