/** Runs work one piece at a time, in the order of the calls; work that fails does not stop the next. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs `work` once all earlier work has ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(work);
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all work asked for so far has ended. */
  async ended(): Promise<void> {
    await this.last;
  }
}
