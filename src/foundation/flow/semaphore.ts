import { AppError } from '../errors/app-error.js';

/** A counting semaphore: at most `size` hold it at once, others wait in the order of asking. */
export class Semaphore {
  private readonly waiting: (() => void)[] = [];
  private held = 0;

  /** @param maxWaitMs how long `acquire` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /** Whether no place is taken. */
  get isIdle(): boolean {
    return this.held === 0;
  }

  /**
   * Takes one of its places, waiting for a free one if need be.
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

  /** Frees a place; the caller that has waited longest gets it. */
  release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.held--;
  }
}

/** A semaphore for each of many keys, such as accounts. */
export class KeyedSemaphore {
  private readonly semaphores = new Map<string, Semaphore>();

  /** @param maxWaitMs how long `acquire` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /**
   * Takes one of the key's places, waiting for a free one if need be.
   * @returns what frees it; a second call does nothing
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
