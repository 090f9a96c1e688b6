/** Runs tasks one after the other; a failed task does not stop the next. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  /** Runs a task when all earlier tasks have ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when every task requested so far has ended. */
  async ended(): Promise<void> {
    await this.last;
  }
}
