/** Shares runs of the same work among concurrent callers: at most one run is active, and at most one waits. */
export class SingleFlight<T> {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<T> | null = null;

  constructor(private readonly work: () => Promise<T>) {}

  /** Resolves to the result of the next run that starts; all callers that wait for it share the result. */
  run(): Promise<T> {
    // Not the active run: it may have started before the change that this caller wants to see.
    this.next ??= this.running.then(() => {
      this.next = null;
      const result = this.work();
      this.running = result.catch(() => undefined);
      return result;
    });
    return this.next;
  }
}
