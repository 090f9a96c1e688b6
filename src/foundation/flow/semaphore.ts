import { AppError } from '../errors/app-error.js';

/** A counted set of permits, handed out in the order of asking. */
export class Permits {
  private readonly waiting: (() => void)[] = [];
  private taken = 0;

  /** @param maxWaitMs how long `take` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /** Whether nobody holds or awaits a permit. */
  get isIdle(): boolean {
    return this.taken === 0;
  }

  /**
   * Takes a permit, waiting for one if need be.
   * @throws AppError OVERLOADED
   */
  async take(): Promise<void> {
    if (this.taken < this.size) {
      this.taken++;
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

  /** Gives a permit back, to the one who has waited longest. */
  giveBack(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.taken--;
  }
}

/** So many permits for each of many keys, accounts say. */
export class KeyedPermits {
  private readonly permits = new Map<string, Permits>();

  /** @param maxWaitMs how long `take` may wait before it gives up */
  constructor(
    private readonly size: number,
    private readonly maxWaitMs: number,
  ) {}

  /**
   * Takes one of the key's permits, waiting for it if need be.
   * @returns what gives it back; a second time is harmless
   * @throws AppError OVERLOADED
   */
  async take(key: string): Promise<() => void> {
    const permits = this.permits.get(key) ?? new Permits(this.size, this.maxWaitMs);
    this.permits.set(key, permits);
    await permits.take();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      permits.giveBack();
      if (permits.isIdle) this.permits.delete(key);
    };
  }
}
