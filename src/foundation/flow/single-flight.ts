/** Work whose result many ask for at once: however often it is asked for, one run is under way and one waits. */
export class SingleFlight<T> {
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<T> | null = null;

  constructor(private readonly work: () => Promise<T>) {}

  /** The result of a run that begins now, or a moment later. */
  run(): Promise<T> {
    // What is under way may have begun before the change that this call is about.
    this.next ??= this.running.then(() => {
      this.next = null;
      const result = this.work();
      this.running = result.catch(() => undefined);
      return result;
    });
    return this.next;
  }
}
