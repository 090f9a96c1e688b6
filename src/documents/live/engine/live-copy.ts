import { createHash } from 'node:crypto';
import { AppError } from '../../../foundation/errors/app-error.js';
import type { AppliedBatch, ChangesChunk, LiveDatabase } from './live-database.js';
import type { CopyState, Operation } from './engine-messages.js';
import type { MergingDatabaseOptions } from './merging-database.js';
import { EngineTrap, ThreadEnded, type ThreadClient } from './thread-client.js';
import { invalidChanges } from './validate-changes.js';

/** How often an operation is tried whose thread ends under it. */
const MAX_TRIES = 3;

/** A batch that is merged, but not committed. */
interface OpenBatch {
  body: Uint8Array;
  site: string | null;
  applied: AppliedBatch;
  /** Lets the next operation begin. */
  end: () => void;
}

/** What the pool does for its copies. */
export interface CopyHost {
  /** The thread that the copy belongs to, as it is now. */
  thread(): ThreadClient;
  /** Batches that broke the engine on this copy: SHA-256. */
  trapping: { has(hash: string): boolean; add(hash: string): unknown };
  closed(): void;
}

/**
 * A document's copy in a thread of the pool. Operations run one after another; between `apply` and `commit` or `rollback`
 * others wait. If the thread ends, the copy is opened in the next one and what was not answered is done again there.
 */
export class LiveCopy implements LiveDatabase {
  private state: CopyState = { siteId: '', version: 0, sizeBytes: 0 };
  /** The thread in which it is open. */
  private openIn: ThreadClient | null = null;
  private batch: OpenBatch | null = null;
  private last: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  private closing: Promise<void> | null = null;

  constructor(
    private readonly document: number,
    private readonly options: MergingDatabaseOptions,
    private readonly host: CopyHost,
  ) {}

  get siteId(): string {
    return this.state.siteId;
  }

  get version(): number {
    return this.state.version;
  }

  get sizeBytes(): number {
    return this.state.sizeBytes;
  }

  /** Opens the file. @throws EngineError; AppError OVERLOADED */
  async open(): Promise<this> {
    await this.inTurn(() => this.trying(() => Promise.resolve()));
    return this;
  }

  async apply(body: Uint8Array, site: string | null): Promise<AppliedBatch> {
    const end = await this.takeTurn();
    let isOpen = false;
    try {
      const applied = await this.applyOnce(body, site);
      isOpen = applied.version > this.version;
      if (isOpen) this.batch = { body, site, applied, end };
      return applied;
    } finally {
      if (!isOpen) end();
    }
  }

  async commit(): Promise<void> {
    const { batch } = this;
    if (batch === null) throw new Error('There is no batch to commit.');
    await this.endBatch(() =>
      this.trying(async (thread, isNew) => {
        // A thread that ended may have committed before.
        if (isNew && this.version === batch.applied.version) return;
        if (isNew) await this.ask(thread, { name: 'apply', body: batch.body, site: batch.site });
        await this.ask(thread, { name: 'commit' });
      }),
    );
  }

  async rollback(): Promise<void> {
    if (this.batch === null) return;
    await this.endBatch(() =>
      this.trying(async (thread, isNew) => {
        if (!isNew) await this.ask(thread, { name: 'rollback' });
      }),
    );
  }

  count(after: number, upTo: number): Promise<{ rows: number; bytes: number }> {
    return this.run({ name: 'count', after, upTo });
  }

  async *read(after: number, upTo: number): AsyncGenerator<ChangesChunk> {
    for (let from = after; from < upTo;) {
      const chunk = await this.run<ChangesChunk>({ name: 'read', after: from, upTo });
      yield chunk;
      from = chunk.to;
    }
  }

  copy(target: string): Promise<{ version: number; sizeBytes: number }> {
    return this.run({ name: 'copy', target });
  }

  close(): Promise<void> {
    return (this.closing ??= this.closeOnce());
  }

  private async closeOnce(): Promise<void> {
    // If it fails, closing the file rolls back, too.
    await this.rollback().catch(() => undefined);
    await this.inTurn(async () => {
      this.isClosed = true;
      try {
        if (this.openIn !== null) await this.ask(this.openIn, { name: 'close' });
      } catch (error) {
        // A thread that ended has no file open, and what it left half written is rolled back at the next opening.
        if (!(error instanceof ThreadEnded)) throw error;
      } finally {
        this.host.closed();
      }
    });
  }

  private async applyOnce(body: Uint8Array, site: string | null): Promise<AppliedBatch> {
    const hash = createHash('sha256').update(body).digest('hex');
    if (this.host.trapping.has(hash)) throw trapped();
    try {
      return await this.trying((thread) => this.ask<AppliedBatch>(thread, { name: 'apply', body, site }));
    } catch (error) {
      if (!(error instanceof EngineTrap)) throw error;
      this.host.trapping.add(hash);
      throw trapped(error);
    }
  }

  private run<Result>(operation: Operation): Promise<Result> {
    return this.inTurn(() => this.trying((thread) => this.ask<Result>(thread, operation)));
  }

  /** Does the work in the present thread; again in the next one if it ends. @param work isNew: it was opened for this */
  private async trying<Result>(
    work: (thread: ThreadClient, isNew: boolean) => Promise<Result>,
  ): Promise<Result> {
    for (let tries = 1; ; tries += 1) {
      try {
        const thread = this.host.thread();
        const isNew = this.openIn !== thread;
        if (isNew) {
          await this.ask(thread, { name: 'open', options: this.options });
          this.openIn = thread;
        }
        return await work(thread, isNew);
      } catch (error) {
        if (!(error instanceof ThreadEnded)) throw error;
        if (tries < MAX_TRIES) continue;
        throw new AppError('OVERLOADED', { retry_after: 5 }, { cause: error });
      }
    }
  }

  private async ask<Result>(thread: ThreadClient, operation: Operation): Promise<Result> {
    const { result, state } = await thread.ask(this.document, operation);
    if (state !== null) this.state = state;
    return result as Result;
  }

  private async endBatch(work: () => Promise<void>): Promise<void> {
    const { end } = this.batch!;
    this.batch = null;
    try {
      await work();
    } finally {
      end();
    }
  }

  private async inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const end = await this.takeTurn();
    try {
      return await work();
    } finally {
      end();
    }
  }

  /** Waits for all earlier operations. @returns a function that lets the next one begin */
  private async takeTurn(): Promise<() => void> {
    const before = this.last;
    let end!: () => void;
    this.last = new Promise<void>((resolve) => (end = resolve));
    await before;
    if (!this.isClosed) return end;
    end();
    throw new Error(`${this.options.path} is closed.`);
  }
}

function trapped(cause?: unknown): AppError {
  return invalidChanges(null, 'trap', 'The engine cannot merge the batch.', cause);
}
