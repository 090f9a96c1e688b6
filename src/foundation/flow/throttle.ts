/** Runs work at once, but not more often than every so many ms: what is asked for in between runs once, at the end of it. */
export class Throttle {
  private timer?: NodeJS.Timeout;
  private isAsked = false;

  constructor(
    private readonly everyMs: number,
    private readonly work: () => void,
  ) {}

  /** Asks for a run. */
  ask(): void {
    this.isAsked = true;
    if (this.timer === undefined) this.run();
  }

  /** Runs now what was asked for, and nothing by itself any more. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.isAsked) this.work();
    this.isAsked = false;
  }

  private run(): void {
    this.timer = undefined;
    if (!this.isAsked) return;
    this.isAsked = false;
    this.timer = setTimeout(() => this.run(), this.everyMs).unref();
    this.work();
  }
}
