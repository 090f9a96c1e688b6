import { SyncError } from '../../api/sync-error.js';
import type { CopyHost } from './copy-host.js';

/** What can be called in the worker. */
export type CopyMethods = Pick<
  CopyHost,
  | 'open'
  | 'download'
  | 'state'
  | 'all'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'apply'
  | 'ownBatches'
  | 'ownRows'
  | 'acknowledge'
  | 'close'
>;

/** A message to the worker. */
export interface WorkerCall {
  id: number;
  method: keyof CopyMethods;
  args: unknown[];
}

/** A message from the worker: the end of a call, or the progress of a download. */
export type WorkerAnswer =
  | { id: number; result: unknown }
  | { id: number; error: { name: string; message: string; code: string | number | null; isTrap: boolean } }
  | { bytes: number; total: number };

/** The part of a Worker that is used. */
export interface WorkerLike {
  onmessage: ((event: { data: WorkerAnswer }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: WorkerCall): void;
  terminate(): void;
}

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

const HINT = 'Close the page and open it again; what was written is kept.';

/**
 * The page's side of the worker: calls its methods, which run one after the other.
 * @throws SyncError, whose code is the copy's, SQL_ERROR (a statement was refused) or ENGINE_FAILED
 */
export class CopyClient {
  /** Called with the progress of a download. */
  onBytes: (bytes: number, total: number) => void = () => undefined;
  private readonly waiting = new Map<number, Waiting>();
  private count = 0;
  private failure: SyncError | null = null;

  constructor(private readonly worker: WorkerLike) {
    worker.onmessage = ({ data }) => this.hear(data);
    worker.onerror = ({ message }) => this.fail(message ?? 'The worker could not be started.');
  }

  /** Calls a method in the worker. */
  call<Name extends keyof CopyMethods>(
    method: Name,
    ...args: Parameters<CopyMethods[Name]>
  ): ReturnType<CopyMethods[Name]> {
    const answer = new Promise<never>((resolve, reject) => {
      if (this.failure) return reject(this.failure);
      this.count += 1;
      this.waiting.set(this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, method, args });
    });
    return answer as unknown as ReturnType<CopyMethods[Name]>;
  }

  /** Ends the worker. Calls that wait fail. */
  terminate(): void {
    this.fail('It was closed.');
  }

  private hear(answer: WorkerAnswer): void {
    if ('bytes' in answer) return this.onBytes(answer.bytes, answer.total);
    const waiting = this.waiting.get(answer.id);
    this.waiting.delete(answer.id);
    if ('result' in answer) return waiting?.resolve(answer.result as never);
    const { error } = answer;
    // After a trap nothing in the engine's memory can be trusted; the file is as of the last commit.
    if (error.isTrap) this.fail(error.message);
    waiting?.reject(this.failure ?? toError(error));
  }

  private fail(message: string): void {
    this.failure ??= new SyncError('ENGINE_FAILED', message, HINT);
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }
}

function toError({
  name,
  message,
  code,
}: {
  name: string;
  message: string;
  code: string | number | null;
}): SyncError {
  if (name === 'CopyError')
    return new SyncError(String(code), message, 'Nothing of the transaction was written.');
  if (name === 'SqliteError') return new SyncError('SQL_ERROR', message, 'Correct the statement.');
  if (['BrokenDownloadError', 'TypeError', 'AbortError'].includes(name)) {
    return new SyncError('DOWNLOAD_FAILED', `The download failed: ${message}`, 'It is tried again.', 502);
  }
  return new SyncError('LOCAL_ERROR', message, HINT);
}
