import type { SyncStatus } from '../../client/src/light/status.js';
import type { LocalRows } from './local-rows.js';

/** A device that can be watched. */
export interface Watched {
  readonly name: string;
  status(): SyncStatus;
  subscribe(listener: (status: SyncStatus) => void): () => void;
  /** The device's current rows; the same object as long as nothing changes. */
  rows(): LocalRows;
  /** Calls the listener at every change of the rows. */
  onRows(listener: () => void): void;
  /** When the person last changed something on the device, epoch ms. */
  lastEditAt(): number;
}

/** A time during which the light was seen green over the same rows. */
export interface Green {
  rows: LocalRows;
  firstAt: number;
  /** When the green is most likely to be false: the server's data may have changed since `firstAt`. */
  lastAt: number;
}

/** How long after an edit a light may still say `synced`: the app counts unsynced changes after the edit. */
export const EDIT_GRACE_MS = 250;

const INTERVAL_MS = 50;
/** If a look comes later than this, the process stood still, and so did the light's timers. */
const STILL_MS = 150;

/**
 * Looks at a device at every change of its light or its rows, and every 50 ms. It skips a look if the process has just
 * stood still, as on a busy machine: the light could not have changed either.
 */
export class Watch {
  readonly greens: Green[] = [];
  /** When the light said `synced`, epoch ms. */
  readonly syncedAt: number[] = [];
  /** When the light said `synced` although the device had unacknowledged rows. */
  readonly forgetful: number[] = [];
  /** The light's states, each with its beginning, epoch ms. */
  readonly states: { at: number; state: string; reason: string | null }[] = [];
  /** How often the light was looked at while it was green. */
  samples = 0;
  #tickedAt = Date.now();
  readonly #timer: NodeJS.Timeout;
  #immediate: NodeJS.Immediate | undefined;
  readonly #unsubscribe: () => void;

  constructor(private readonly watched: Watched) {
    this.#unsubscribe = watched.subscribe(() => this.look());
    watched.onRows(() => {
      if (!this.#immediate) this.#immediate = setImmediate(() => this.look());
    });
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS);
  }

  get device(): string {
    return this.watched.name;
  }

  /** Whether the light is green now. */
  get isGreen(): boolean {
    return this.watched.status().light === 'green';
  }

  /** When the light was first seen green at or after a time, epoch ms; null: not since. */
  firstGreenAfter(time: number): number | null {
    const green = this.greens.find(({ lastAt }) => lastAt >= time);
    return green ? Math.max(green.firstAt, time) : null;
  }

  stop(): void {
    this.#unsubscribe();
    clearInterval(this.#timer);
    clearImmediate(this.#immediate);
  }

  look(): void {
    this.#immediate = undefined;
    if (Date.now() - this.#tickedAt < INTERVAL_MS + STILL_MS) this.lookNow();
  }

  /** As `look`, but never skipped. */
  lookNow(): void {
    const { state, light, reason } = this.watched.status();
    const at = Date.now();
    if (this.states.at(-1)?.state !== state) this.states.push({ at, state, reason: reason?.code ?? null });
    if (light !== 'green') return;
    this.samples += 1;
    const rows = this.watched.rows();
    const last = this.greens.at(-1);
    if (last?.rows === rows) last.lastAt = at;
    else this.greens.push({ rows, firstAt: at, lastAt: at });
    if (state !== 'synced') return;
    this.syncedAt.push(at);
    const isWaiting = [...rows.values()].some(({ unacknowledged }) => unacknowledged.length > 0);
    if (isWaiting && at - this.watched.lastEditAt() > EDIT_GRACE_MS) this.forgetful.push(at);
  }
  #tick(): void {
    const isLate = Date.now() - this.#tickedAt >= INTERVAL_MS + STILL_MS;
    this.#tickedAt = Date.now();
    if (!isLate) this.look();
  }
}
