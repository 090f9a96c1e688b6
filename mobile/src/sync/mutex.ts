/** Does things one after the other, whether they succeed or not. */
export class Mutex {
  private last: Promise<unknown> = Promise.resolve();

  /** Does something when everything before it has ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.last.then(work);
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when everything asked for until now has ended. */
  async ended(): Promise<void> {
    await this.last;
  }
}
