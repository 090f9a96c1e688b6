import { KeyedMutex } from '../flow/keyed-mutex.js';

const BATCH = 200;
const ANY_TIME = Number.MAX_SAFE_INTEGER;

/** Pieces of work whose due times are in the database. */
export interface DueSource<T> {
  /** At most `limit` pieces that are due by then, epoch ms, the longest due first. */
  listDue(dueBy: number, limit: number): Promise<T[]>;
  /** Distinguishes a piece from all others. */
  keyOf(piece: T): string;
  /** Does one piece. If that fails it reports the failure itself and puts the piece off, see `backoffMs`. */
  run(piece: T): Promise<unknown>;
}

/** Does work that falls due, a few pieces at once: a slow piece delays nothing but itself, and a failed one waits its time. */
export class DueWork<T> {
  private readonly mutex = new KeyedMutex();
  /** By key, whichever call began it; these promises never reject. */
  private readonly underWay = new Map<string, Promise<unknown>>();

  /**
   * @param atOnce how many pieces are under way at the same time, at most
   * @param signal when it aborts, nothing more is begun
   */
  constructor(
    private readonly source: DueSource<T>,
    private readonly atOnce: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Does everything that is due, and waits for what was under way before. @param dueBy epoch ms, asked for each batch */
  async run(dueBy: () => number): Promise<void> {
    // One call at a time lists and begins pieces: another would list the same ones that have not begun yet.
    await this.mutex.run('begin', () => this.beginAll(dueBy));
    await Promise.all(this.underWay.values());
  }

  /** Does everything before the process ends, due or not, and then what the last requests added. */
  async finish(requestsEnded: Promise<void>): Promise<void> {
    await this.run(() => ANY_TIME);
    await requestsEnded;
    await this.run(() => ANY_TIME);
  }

  /** Begins every due piece, each as soon as there is a place. */
  private async beginAll(dueBy: () => number): Promise<void> {
    // Every piece gets one try: with `ANY_TIME` those that fail and are put off would be listed for ever.
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
      // The source has reported it; the other pieces go on.
      .catch(() => undefined)
      .finally(() => this.underWay.delete(key));
    this.underWay.set(key, work);
  }
}
