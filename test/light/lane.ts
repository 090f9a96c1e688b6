import type { Socket } from 'node:net';
import type { Random } from '../convergence/random.js';

/** The delay of bytes in milliseconds: `base`, and up to `jitter` more for each piece. */
export interface Delay {
  base: number;
  jitter: number;
}

interface Piece {
  dueAt: number;
  /** Null: the end of the stream. */
  bytes: Buffer | null;
}

/** One direction of a connection: passes bytes to a socket in order, at once, later or never. */
export class Lane {
  readonly #pieces: Piece[] = [];
  readonly #sink: Socket;
  readonly #random: Random;
  #delay: Delay | null = null;
  #isStalled = false;
  #isEnded = false;
  #lastDueAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(sink: Socket, random: Random) {
    this.#sink = sink;
    this.#random = random;
  }

  /** Accepts bytes. A delay also splits them into pieces with delays of their own. */
  pass(bytes: Buffer): void {
    if (this.#isEnded || bytes.length === 0) return;
    const cut = this.#delay && bytes.length > 1 ? this.#random.integer(1, bytes.length - 1) : bytes.length;
    for (const piece of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      if (piece.length > 0) this.#queue(piece);
    }
  }

  /** Ends this direction after the bytes in flight; later bytes are dropped. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#queue(null);
  }

  /** Delays all later bytes; null: no delay. */
  set delay(delay: Delay | null) {
    this.#delay = delay;
  }

  /** Accepts bytes and passes none until `release`. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Passes on the bytes that were held back. */
  release(): void {
    this.#isStalled = false;
    this.#flush();
  }

  /** Drops all bytes in flight. */
  close(): void {
    this.#isEnded = true;
    this.#pieces.length = 0;
    clearTimeout(this.#timer);
  }

  #queue(bytes: Buffer | null): void {
    const { base, jitter } = this.#delay ?? { base: 0, jitter: 0 };
    const wanted = Date.now() + base + this.#random.next() * jitter;
    this.#lastDueAt = Math.max(this.#lastDueAt, this.#delay ? wanted : 0); // a piece never overtakes an earlier one
    this.#pieces.push({ dueAt: this.#lastDueAt, bytes });
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    while (!this.#isStalled && this.#pieces[0] && this.#pieces[0].dueAt <= Date.now()) {
      const { bytes } = this.#pieces.shift() as Piece;
      if (!this.#sink.writable) continue;
      if (bytes === null) this.#sink.end();
      else this.#sink.write(bytes);
    }
    const next = this.#pieces[0];
    if (next && !this.#isStalled) this.#timer = setTimeout(() => this.#flush(), next.dueAt - Date.now());
  }
}
