/** Plans the next run: the earliest planned time counts, but nothing runs while runs are held back. */
export class Schedule {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dueAt = Infinity;
  private heldBackUntil = -Infinity;

  /** @param stopwatch milliseconds */
  constructor(
    private readonly stopwatch: () => number,
    private readonly run: () => void,
  ) {}

  /** Plans a run after so many milliseconds; a run planned earlier stays. */
  plan(waitMs: number): void {
    const now = this.stopwatch();
    // After a sleep the stopwatch has leapt forward, but timers have not and would fire much too late.
    const isOverdue = this.dueAt <= now;
    const dueAt = Math.max(isOverdue ? now : now + waitMs, this.heldBackUntil);
    if (dueAt >= this.dueAt && !isOverdue) return;
    clearTimeout(this.timer);
    this.dueAt = dueAt;
    this.timer = setTimeout(() => {
      this.dueAt = Infinity;
      this.run();
    }, dueAt - now);
  }

  /** Delays all runs planned from now on by at least so many milliseconds from now. */
  holdBack(waitMs: number): void {
    this.heldBackUntil = this.stopwatch() + waitMs;
  }

  /** Ends the delay set by `holdBack`. */
  release(): void {
    this.heldBackUntil = -Infinity;
  }

  /** Cancels the planned run. */
  cancel(): void {
    clearTimeout(this.timer);
    this.dueAt = Infinity;
  }
}
