import { Cell, type Observable } from './observable.js';
import { nothingKnown, reduce, type Facts, type SyncEvent } from './facts.js';
import { statusOf, type SyncStatus } from './status.js';

/** How often the status is computed again: the proof of being up to date expires without any event. */
const LOOK_EVERY_MS = 200;

/** The status light: takes in events, and shows at every moment only what is proved. */
export class StatusLight implements Observable<SyncStatus> {
  private known: Facts = nothingKnown;
  private readonly cell: Cell<SyncStatus>;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** @param stopwatch the time in milliseconds, from any starting point */
  constructor(private readonly stopwatch: () => number) {
    this.cell = new Cell(statusOf(this.known, stopwatch()));
  }

  get facts(): Facts {
    return this.known;
  }

  start(): void {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  readonly tell = (event: SyncEvent): void => {
    this.known = reduce(this.known, event, this.stopwatch());
    this.look();
  };

  /** The status now, not as of the last event. */
  readonly get = (): SyncStatus => {
    this.look();
    return this.cell.get();
  };

  readonly subscribe = (listener: (status: SyncStatus) => void): (() => void) =>
    this.cell.subscribe(listener);

  private look(): void {
    const status = statusOf(this.known, this.stopwatch());
    if (JSON.stringify(status) !== JSON.stringify(this.cell.get())) this.cell.set(status);
  }
}
