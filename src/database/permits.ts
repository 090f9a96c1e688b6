import { AppError } from '../errors/app-error.js';

const WAIT_MS = 1_000;

/** A counted set of permits, handed out in the order of asking. */
export class Permits {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /**
   * Takes a permit, waiting up to 1 s for one.
   * @throws AppError OVERLOADED
   */
  async take(): Promise<void> {
    if (this.free > 0) {
      this.free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const grant = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(grant), 1);
        reject(new AppError('OVERLOADED', { detail: 'Too many long reads are under way.', retry_after: 5 }));
      }, WAIT_MS);
      this.waiting.push(grant);
    });
  }

  /** Gives a permit back, to the one who has waited longest. */
  giveBack(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
