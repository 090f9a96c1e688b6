import { SyncError } from '../api/sync-error.js';
import { Mutex } from '../mutex.js';

/** What a `Lifecycle` starts and stops. */
export interface Started {
  begin(): void;
  /** Resolves when what was under way has ended. */
  end(): Promise<void>;
  /** Called after a task of `whileStopped`, before the next `begin`. */
  onResume(): Promise<void>;
}

/** Decides when the sync runs: between `start` and `stop`, never during a task of `whileStopped`, and not after `close`. */
export class Lifecycle {
  private hasBegun = false;
  private isClosed = false;
  /** Set while a task of `whileStopped` runs. */
  private pause: { startsAfter: boolean } | null = null;
  private readonly mutex = new Mutex();

  constructor(private readonly work: Started) {}

  get isStarted(): boolean {
    return this.hasBegun;
  }

  start(): void {
    if (this.pause) this.pause.startsAfter = true;
    if (this.hasBegun || this.isClosed || this.pause) return;
    this.hasBegun = true;
    this.work.begin();
  }

  /** Resolves when what was under way has ended. */
  async stop(): Promise<void> {
    if (this.pause) this.pause.startsAfter = false;
    await this.end();
  }

  /** Stops for good; resolves when the tasks of `whileStopped` have ended too. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.stop();
    await this.mutex.ended();
  }

  /** Starts, after the tasks of `whileStopped`. @throws SyncError when this is closed, or was stopped meanwhile */
  async ensureStarted(): Promise<void> {
    this.start();
    await this.mutex.ended();
    this.throwIfClosed();
    if (!this.hasBegun) throw SyncError.of('CANCELED', 'Called off.');
  }

  /**
   * Stops, runs `task`, and starts again if it was started before or meanwhile.
   * @throws SyncError when this is closed already; `task` is not run then
   */
  whileStopped<T>(task: () => Promise<T>): Promise<T> {
    return this.mutex.run(async () => {
      this.throwIfClosed();
      const pause = (this.pause = { startsAfter: this.hasBegun });
      try {
        await this.end();
        return await task();
      } finally {
        await this.work.onResume();
        this.pause = null;
        if (pause.startsAfter) this.start();
      }
    });
  }

  private async end(): Promise<void> {
    this.hasBegun = false;
    await this.work.end();
  }

  private throwIfClosed(): void {
    if (this.isClosed) throw SyncError.of('CANCELED', 'This client is closed.');
  }
}
