import { KeyedMutex } from '../flow/keyed-mutex.js';

const BATCH = 200;
const ANY_TIME = Number.MAX_SAFE_INTEGER;

/** A source of pieces of work whose due times are in the database. */
interface DueSource<T> {
  /** At most `limit` pieces that are due by `dueBy` (epoch ms), the longest due first. */
  listDue(dueBy: number, limit: number): Promise<T[]>;
  /** A key that is unique to the piece. */
  keyOf(piece: T): string;
  /** Does one piece. If it fails, it reports the failure and postpones the piece itself, see `backoffMs`. */
  run(piece: T): Promise<unknown>;
}

/** Does due work, a few pieces at once: a slow piece occupies only its own place, and a failed piece is postponed. */
export class DueWork<T> {
  private readonly mutex = new KeyedMutex();
  /** Running pieces by key, of all calls; these promises never reject. */
  private readonly underWay = new Map<string, Promise<unknown>>();

  /**
   * @param atOnce how many pieces may run at the same time
   * @param signal once it aborts, no more pieces are started
   */
  constructor(
    private readonly source: DueSource<T>,
    private readonly atOnce: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Does all due work and waits for pieces that already ran. @param dueBy returns epoch ms, called for each batch */
  async run(dueBy: () => number): Promise<void> {
    // Only one call at a time lists and starts pieces: a second one would list the same pieces before they are started.
    await this.mutex.run('begin', () => this.beginAll(dueBy));
    await Promise.all(this.underWay.values());
  }

  /** Does all work before the process ends, due or not, and then the work that the last requests added. */
  async finish(requestsEnded: Promise<void>): Promise<void> {
    await this.run(() => ANY_TIME);
    await requestsEnded;
    await this.run(() => ANY_TIME);
  }

  /** Starts every due piece, each as soon as a place is free. */
  private async beginAll(dueBy: () => number): Promise<void> {
    // Try each piece once: with `ANY_TIME`, failed and postponed pieces would be listed for ever.
    const tried = new Set(this.underWay.keys());
    for (;;) {
      const due = await this.source.listDue(dueBy(), BATCH + tried.size);
      const queue = due.filter((piece) => !tried.has(this.source.keyOf(piece)));
      if (queue.length === 0) return;
      for (const piece of queue) {
        while (this.underWay.size >= this.atOnce) await Promise.race(this.underWay.values());
        if (this.signal.aborted) return;
        tried.add(this.source.keyOf(piece));
        this.begin(piece);
      }
    }
  }

  private begin(piece: T): void {
    const key = this.source.keyOf(piece);
    const work = this.source
      .run(piece)
      // The source has reported the failure; the other pieces continue.
      .catch(() => undefined)
      .finally(() => this.underWay.delete(key));
    this.underWay.set(key, work);
  }
}
