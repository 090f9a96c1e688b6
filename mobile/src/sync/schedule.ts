/** When the next run takes place: the earliest wish counts, but nothing runs while it is held back. */
export class Schedule {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private dueAt = Infinity;
  private heldBackUntil = -Infinity;

  /** @param stopwatch milliseconds */
  constructor(
    private readonly stopwatch: () => number,
    private readonly run: () => void,
  ) {}

  /** Has it run after so many milliseconds, or earlier when it was to run earlier already. */
  plan(waitMs: number): void {
    const now = this.stopwatch();
    // The stopwatch may leap, as after a sleep; timers do not, and would come much too late.
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

  /** Lets nothing run for so many milliseconds, whatever is planned from now on. */
  holdBack(waitMs: number): void {
    this.heldBackUntil = this.stopwatch() + waitMs;
  }

  /** Ends the holding back. */
  release(): void {
    this.heldBackUntil = -Infinity;
  }

  /** Forgets what was planned. */
  cancel(): void {
    clearTimeout(this.timer);
    this.dueAt = Infinity;
  }
}
