import type { SyncStatus } from '../../mobile/src/sync/status.js';
import type { LocalRows } from './local-rows.js';

/** What can be watched. */
export interface Watched {
  readonly name: string;
  status(): SyncStatus;
  subscribe(listener: (status: SyncStatus) => void): () => void;
  /** What the device holds now; the same object as long as nothing changes. */
  rows(): LocalRows;
  /** Hears of every change of the rows. */
  onRows(listener: () => void): void;
  /** When a person last changed something here, epoch ms. */
  lastEditAt(): number;
}

/** A time during which the light was seen green over the same rows. */
export interface Green {
  rows: LocalRows;
  firstAt: number;
  /** The light's promise is hardest to keep here: the server may have moved on since. */
  lastAt: number;
}

/** How long after an edit a light may still say `synced`: the count of what is waiting follows the edit. */
export const EDIT_GRACE_MS = 250;

const INTERVAL_MS = 50;
/** A look that comes later than this means that the process stood still, and the light's own timers with it. */
const STILL_MS = 150;

/**
 * Looks at one device at every change of its light or its rows, and every 50 ms; not when the process has just stood
 * still, as on a machine that is busy with other things: the light could not have changed either.
 */
export class Watch {
  readonly greens: Green[] = [];
  /** When the light said `synced`, epoch ms. */
  readonly syncedAt: number[] = [];
  /** When it said so although the device itself knew of unacknowledged rows. */
  readonly forgetful: number[] = [];
  /** The light's states, each with the time of its beginning. */
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

  /** As `look`, but in any case. */
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
