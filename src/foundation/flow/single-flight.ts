/** Work whose result many callers want at the same time: at most one run is under way, and at most one waits. */
export class SingleFlight<T> {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<T> | null = null;

  constructor(private readonly work: () => Promise<T>) {}

  /** The result of a run that has not begun yet; callers that wait for the same run share it. */
  run(): Promise<T> {
    // The run under way may have begun before the change that this caller wants to see.
    this.next ??= this.running.then(() => {
      this.next = null;
      const result = this.work();
      this.running = result.catch(() => undefined);
      return result;
    });
    return this.next;
  }
}
