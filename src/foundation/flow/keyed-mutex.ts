/** A mutex per key: work under the same key runs one at a time, in the order of the calls. */
export class KeyedMutex {
  private readonly last = new Map<string, Promise<unknown>>();

  /** Runs `work` once all earlier work under `key` has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.last.get(key) ?? Promise.resolve()).then(work);
    const ended = result.catch(() => undefined);
    this.last.set(key, ended);
    try {
      return await result;
    } finally {
      if (this.last.get(key) === ended) this.last.delete(key);
    }
  }

  /** Runs `work` unless earlier work under `key` has not ended. */
  async runIfFree<T>(key: string, work: () => Promise<T>): Promise<T | undefined> {
    return this.last.has(key) ? undefined : this.run(key, work);
  }
}
