import { Logger } from '@nestjs/common';
import { AppError } from '../../foundation/errors/app-error.js';
import { LIVE_LIMITS, type LiveChanges, type LiveRole } from '../../protocol/documents.js';
import type { ChangesChunk, LiveDatabase } from './engine/live-database.js';
import type { LivePeer, LiveSocket } from './live-socket.js';

/** A batch as it is sent to who has everything before it. */
export interface Batch {
  previous: number;
  version: number;
  mark: string | null;
  rows: number;
  body: Uint8Array;
}

/** The document that a client follows. */
export interface Source {
  readonly version: number;
  readonly isClosed: boolean;
  readonly database: LiveDatabase;
  /** Takes a turn in the use of the database. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** The mark of a version; null: not known. */
  findMark(version: number): Promise<string | null>;
  /** Counts rows that were sent. */
  noteSent(rows: number): void;
}

/** What a client has when it connects. */
export interface Standing {
  /** Its cursor: everything up to this version was sent. */
  cursor: number;
  /** Of the lock that its session holds; null: it watches. */
  fencingToken: number | null;
  /** When the lock ends unless it is renewed, epoch ms; null: it watches. */
  lockExpiresAt: number | null;
}

/**
 * A connected client, and how much of the document was sent to it. Nothing is kept for it but its cursor: what it lacks
 * is read from the copy as fast as it answers.
 */
export class Subscriber {
  /** Of the lock that the session holds; null: it watches. */
  fencingToken: number | null;
  /** When the lock ends unless it is renewed, epoch ms; null: it watches. */
  lockExpiresAt: number | null;
  private cursor: number;
  /** `sync` that are not answered yet. */
  syncs = 0;
  /** When the last packet came in, in ms of a monotonic clock. */
  heardAt = performance.now();
  private unanswered = 0;
  private unansweredSince = 0;
  private isReading = false;
  private isGone = false;
  private whenAnswered: (() => void) | null = null;
  private readonly logger = new Logger('Live');

  constructor(
    readonly socket: LiveSocket,
    readonly peer: LivePeer,
    standing: Standing,
    private readonly source: Source,
  ) {
    this.cursor = standing.cursor;
    this.fencingToken = standing.fencingToken;
    this.lockExpiresAt = standing.lockExpiresAt;
  }

  get role(): LiveRole {
    return this.fencingToken === null ? 'watcher' : 'holder';
  }

  /** Makes it a watcher, and tells it why. */
  loseLock(tell: (socket: LiveSocket) => void): void {
    this.fencingToken = null;
    this.lockExpiresAt = null;
    tell(this.socket);
  }

  /** How long the oldest `changes` has waited for its answer, in ms. */
  silentMs(now: number): number {
    return this.unanswered === 0 ? 0 : now - this.unansweredSince;
  }

  /** How many versions it lacks. */
  get lag(): number {
    return this.source.version - this.cursor;
  }

  /** Its own batch was committed: it has it, so that it need not be sent if nothing is missing before. */
  noteOwn(previous: number, version: number): void {
    if (this.cursor === previous && !this.isReading) this.cursor = version;
    else this.catchUp();
  }

  /** Sends a batch as it is if nothing before it is missing; else the client catches up by reading. */
  offer(batch: Batch): void {
    const isNext = this.cursor === batch.previous && !this.isReading;
    if (isNext && this.unanswered < LIVE_LIMITS.maxUnansweredChanges) {
      const { previous: from, version: to, ...rest } = batch;
      this.send({ from, to, ...rest }, { rows: 0, bytes: 0 });
    } else this.catchUp();
  }

  /** Sends what is missing, as fast as the client answers. */
  catchUp(): void {
    if (this.isReading || this.isGone || this.cursor >= this.source.version) return;
    this.isReading = true;
    this.readAll()
      .catch((error: unknown) => {
        // The client asks again at its next ping; or it connects again, and gets what is missing then.
        if (!(error instanceof AppError)) this.logger.error(error);
      })
      .finally(() => (this.isReading = false));
  }

  /** The socket has ended. */
  end(): void {
    this.isGone = true;
    this.whenAnswered?.();
  }

  private async readAll(): Promise<void> {
    const { source } = this;
    while (!this.isGone && !source.isClosed && this.cursor < source.version) {
      const { database, version: upTo } = source;
      const left = await source.run(() => database.count(this.cursor, upTo));
      const chunks = database.read(this.cursor, upTo)[Symbol.asyncIterator]();
      for (;;) {
        await this.untilReady();
        if (this.isGone || source.isClosed || source.database !== database) break;
        const { value, done } = await source.run(() => chunks.next());
        if (done) break;
        left.rows = Math.max(0, left.rows - value.rows);
        left.bytes = value.to === upTo ? 0 : Math.max(0, left.bytes - value.body.byteLength);
        this.send({ ...value, mark: await source.findMark(value.to) }, left);
      }
      await chunks.return?.();
    }
  }

  private async untilReady(): Promise<void> {
    while (this.unanswered >= LIVE_LIMITS.maxUnansweredChanges && !this.isGone) {
      await new Promise<void>((resolve) => (this.whenAnswered = resolve));
    }
  }

  private send(
    { from, to, mark, rows, body }: ChangesChunk & { mark: string | null },
    left: { rows: number; bytes: number },
  ): void {
    if (this.unanswered === 0) this.unansweredSince = performance.now();
    this.unanswered += 1;
    this.cursor = to;
    this.source.noteSent(rows);
    const head: LiveChanges = { from, to, mark, rows_left: left.rows, bytes_left: left.bytes };
    this.socket.emit('changes', head, body, () => this.noteAnswer());
  }

  private noteAnswer(): void {
    this.unanswered -= 1;
    this.unansweredSince = performance.now();
    this.whenAnswered?.();
    this.whenAnswered = null;
  }
}
