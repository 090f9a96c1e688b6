import { AppError } from '../errors/app-error.js';

/** A counting semaphore: at most `size` callers hold it at once; others wait in the order of their calls. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];
  private held = 0;

  /** @param maxWaitMs how long `acquire` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /** Whether nobody holds a place. */
  get isIdle(): boolean {
    return this.held === 0;
  }

  /**
   * Takes a place; waits if none is free.
   * @throws AppError OVERLOADED
   */
  async acquire(): Promise<void> {
    if (this.held < this.size) {
      this.held++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const grant = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(grant), 1);
        reject(
          new AppError('OVERLOADED', { detail: 'Too many such requests are under way.', retry_after: 5 }),
        );
      }, this.maxWaitMs);
      this.waiting.push(grant);
    });
  }

  /** Frees a place; the caller that waited longest gets it. */
  release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.held--;
  }
}

/** A semaphore per key, such as an account. */
export class KeyedSemaphore {
  private readonly semaphores = new Map<string, Semaphore>();

  /** @param maxWaitMs how long `acquire` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /**
   * Takes one of the key's places; waits if none is free.
   * @returns a function that frees the place; a second call does nothing
   * @throws AppError OVERLOADED
   */
  async acquire(key: string): Promise<() => void> {
    const semaphore = this.semaphores.get(key) ?? new Semaphore(this.size, this.maxWaitMs);
    this.semaphores.set(key, semaphore);
    await semaphore.acquire();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      semaphore.release();
      if (semaphore.isIdle) this.semaphores.delete(key);
    };
  }
}
