/** A small seeded generator (splitmix32): the same seed gives the same run, on every machine. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws Error when there is nothing to pick from */
  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new Error('There is nothing to pick from.');
    return list[this.integer(0, list.length - 1)] as T;
  }

  /** Picks by weight; entries of weight 0 are never taken. */
  weighted<T extends string>(weights: Readonly<Record<T, number>>): T {
    const entries = Object.entries(weights) as [T, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    const taken = entries.find(([, weight]) => (left -= weight) < 0);
    return (taken ?? this.pick(entries.filter(([, weight]) => weight > 0)))[0];
  }

  /** 16 characters of `[A-Za-z0-9]`, as WatermelonDB makes its ids. */
  id(): string {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    return Array.from({ length: 16 }, () => alphabet[this.integer(0, alphabet.length - 1)]).join('');
  }

  /** A new generator, so that the draws of one part do not shift the rest of the run. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 2 ** 32));
  }
}
