import { Worker } from 'node:worker_threads';
import type { CompiledEngine } from './crsqlite-module.js';
import {
  errorOf,
  type CopyState,
  type Operation,
  type Reply,
  type Request,
  type ThreadData,
} from './engine-messages.js';

/** The thread ended before it answered: nothing is known of what was asked. */
export class ThreadEnded extends Error {
  override readonly name = 'ThreadEnded';
}

/** What was asked broke the engine. */
export class EngineTrap extends Error {
  override readonly name = 'EngineTrap';
}

/** The main thread's end of a thread of the engine. */
export class ThreadClient {
  private readonly worker: Worker;
  private readonly waiting = new Map<
    number,
    { resolve: (reply: Reply) => void; reject: (error: Error) => void }
  >();
  private nextId = 1;
  private isEnding = false;
  private cause: Error | undefined;
  private readonly ended: Promise<void>;

  /** @param onEnd called when the thread has ended and has no file open any more */
  constructor(engine: CompiledEngine, maxOpen: number, onEnd: () => void) {
    const workerData: ThreadData = { engine, maxOpen };
    // No variables of the process, which may hold secrets, and no options, which a thread may refuse.
    this.worker = new Worker(new URL('./engine-thread.js', import.meta.url), {
      workerData,
      env: {},
      execArgv: [],
    });
    this.worker.unref();
    this.worker.on('message', (reply: Reply) => this.receive(reply));
    this.worker.on('error', (error) => (this.cause = error));
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', () => {
        this.isEnding = true;
        onEnd();
        for (const { reject } of this.waiting.values()) reject(this.endedError());
        this.waiting.clear();
        resolve();
      });
    });
  }

  /**
   * Asks the thread.
   * @throws ThreadEnded, EngineTrap, and what the operation throws
   */
  async ask(document: number, operation: Operation): Promise<{ result: unknown; state: CopyState | null }> {
    if (this.isEnding) {
      // Until then it may have files open.
      await this.ended;
      throw this.endedError();
    }
    const id = this.nextId++;
    const reply = await new Promise<Reply>((resolve, reject) => {
      if (this.waiting.size === 0) this.worker.ref();
      this.waiting.set(id, { resolve, reject });
      this.send({ id, document, operation });
    });
    if ('trap' in reply) throw new EngineTrap(reply.trap);
    if ('fault' in reply) throw errorOf(reply.fault);
    return reply;
  }

  /** Ends the thread, whatever it does. */
  async terminate(): Promise<void> {
    this.isEnding = true;
    await this.worker.terminate();
    await this.ended;
  }

  private send(request: Request): void {
    if (request.operation.name !== 'apply') return this.worker.postMessage(request);
    // A copy, which is given away: the caller keeps its own, which may be a part of a larger buffer.
    const body = Uint8Array.from(request.operation.body);
    this.worker.postMessage({ ...request, operation: { ...request.operation, body } }, [body.buffer]);
  }

  private receive(reply: Reply): void {
    this.waiting.get(reply.id)?.resolve(reply);
    this.waiting.delete(reply.id);
    if ('trap' in reply) void this.terminate();
    // An idle thread does not keep the process from ending.
    else if (this.waiting.size === 0) this.worker.unref();
  }

  private endedError(): ThreadEnded {
    return new ThreadEnded('The thread has ended.', { cause: this.cause });
  }
}
