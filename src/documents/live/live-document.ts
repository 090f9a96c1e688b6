import type { EventBus } from '../../foundation/events/event-bus.js';
import { Mutex } from '../../foundation/flow/mutex.js';
import { Throttle } from '../../foundation/flow/throttle.js';
import { keyOf, type DocumentRef } from '../../locks/lock.js';
import type { DocumentKind } from '../kinds.js';
import { newMark, type Pair, type Version } from '../version.js';
import type { LiveDatabase } from './engine/live-database.js';
import type { Batch, Source, Subscriber } from './subscriber.js';

/** How often other processes hear that a document has grown, and the account's sockets that it has changed. */
const GREW_EVERY_MS = 50;
const CHANGED_EVERY_MS = 1_000;

/** A document's working copy in the engine. */
export interface OpenCopy {
  database: LiveDatabase;
  /** The mark of the version at which it was opened; null: not known. */
  mark: string | null;
  /** Notes the size of the file. */
  grew(sizeBytes: number): void;
  close(): Promise<void>;
}

/** What a document needs of the server. */
export interface Surroundings {
  publish: EventBus['publish'];
  findMark(ref: DocumentRef, version: Pair): Promise<string | null>;
  noteSent(rows: number): void;
}

/**
 * One document that this process has open, at one epoch. Whatever uses its database takes turns by `run`: a batch stays
 * open in it while the server's database commits, and a read in between would see half of it.
 */
export class LiveDocument implements Source {
  readonly subscribers = new Set<Subscriber>();
  /** The mark of the newest version; null: not known. */
  mark: string | null;
  /** Of the versions that this opening makes; a new one after versions that others made. */
  openingMark = newMark();
  /** A handing-over waits: nothing more is taken from the holder. */
  isFrozen = false;
  /** Nothing more is taken, and the document is opened anew for who comes next. */
  isClosed = false;
  /** When the account's quota was last asked about, in ms of a monotonic clock. */
  quotaAskedAt = -Infinity;
  /** When it was last used, in ms of a monotonic clock. */
  usedAt = performance.now();
  private readonly turns = new Mutex();
  private readonly grew: Throttle;
  private readonly changed: Throttle;

  constructor(
    readonly ref: DocumentRef,
    readonly kind: DocumentKind,
    readonly epoch: number,
    public copy: OpenCopy,
    private readonly surroundings: Surroundings,
  ) {
    this.mark = copy.mark;
    this.grew = new Throttle(GREW_EVERY_MS, () =>
      surroundings.publish('document.grew', { ...ref, epoch, version: this.version }),
    );
    this.changed = new Throttle(CHANGED_EVERY_MS, () =>
      surroundings.publish('document.changed', {
        accountId: ref.accountId,
        document: {
          video_id: ref.videoId,
          database: ref.kind,
          epoch,
          server_version: this.version,
          mark: this.mark,
        },
      }),
    );
  }

  /** The document's key among all documents. */
  get key(): string {
    return keyOf(this.ref);
  }

  get database(): LiveDatabase {
    return this.copy.database;
  }

  /** The version that this process has applied. */
  get version(): number {
    return this.copy.database.version;
  }

  /** The newest version that this process has applied. */
  get current(): Version {
    return { epoch: this.epoch, version: this.version, mark: this.mark };
  }

  /** Runs `work` after all earlier work has ended. */
  run<T>(work: () => Promise<T>): Promise<T> {
    this.usedAt = performance.now();
    return this.turns.run(work);
  }

  async findMark(version: number): Promise<string | null> {
    if (version === this.version) return this.mark;
    return this.surroundings.findMark(this.ref, { epoch: this.epoch, version });
  }

  noteSent(rows: number): void {
    this.surroundings.noteSent(rows);
  }

  /** Waits for the work asked for so far. */
  drained(): Promise<void> {
    return this.turns.ended();
  }

  /** Notes the mark of the newest version, which another process or an earlier opening made. */
  noteOthers(mark: string | null): void {
    this.mark = mark;
    this.openingMark = newMark();
  }

  /** Sends a batch that was just committed to everybody but its author, who has it, and announces the growth. */
  spread(batch: Batch, author: Subscriber): void {
    for (const subscriber of this.subscribers) {
      if (subscriber === author) subscriber.noteOwn(batch.previous, batch.version);
      else subscriber.offer(batch);
    }
    this.grew.ask();
    this.changed.ask();
  }

  /** Announces what is not announced yet. */
  flush(): void {
    this.grew.flush();
    this.changed.flush();
  }
}
