import { Injectable } from '@nestjs/common';
import { Interval } from '@nestjs/schedule';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import { hangUp } from '../../foundation/sockets/client-socket.js';
import { toAppError } from '../../foundation/sockets/socket-problem.filter.js';
import { keyOf, type DocumentRef } from '../../locks/lock.js';
import { ContentRenewal } from '../content/content-renewal.js';
import { OpenCopies, type LiveCopier } from '../content/open-copies.js';
import { DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import type { Version } from '../version.js';
import { epochChanged, noSuchDocument, rewritten, shuttingDown } from './live-errors.js';
import { LiveCopies } from './live-copies.js';
import { LiveTelemetry } from './live-telemetry.js';
import { LiveDocument, type Surroundings } from './live-document.js';

/** A document that nobody is connected to is closed after this time. */
const IDLE_MS = 30_000;
const SWEEP_EVERY_MS = 5_000;

/** The documents that this process has open in the engine. */
@Injectable()
export class OpenDocuments implements LiveCopier {
  /** By key, also while they are being opened. */
  private readonly documents = new Map<string, Promise<LiveDocument>>();
  private readonly opened = new Map<string, LiveDocument>();
  /** By key: a file is opened again only when it was closed. */
  private readonly closing = new Map<string, Promise<void>>();

  private readonly surroundings: Surroundings;

  constructor(
    private readonly rows: DocumentsRepository,
    private readonly copies: LiveCopies,
    private readonly renewal: ContentRenewal,
    events: EventBus,
    private readonly telemetry: LiveTelemetry,
    openCopies: OpenCopies,
  ) {
    this.surroundings = {
      publish: (name, event) => events.publish(name, event),
      findMark: (ref, version) => rows.findMark(ref, version),
      noteSent: (count) => telemetry.noteSent(count),
    };
    openCopies.register(this);
  }

  /** The documents that are open now. */
  list(): LiveDocument[] {
    return [...this.opened.values()];
  }

  /** The document if it is open. */
  find(ref: DocumentRef): LiveDocument | null {
    return this.opened.get(keyOf(ref)) ?? null;
  }

  /** The document, open at its newest version. @throws AppError NOT_FOUND, SHUTTING_DOWN, DISK_FULL, OVERLOADED, INTERNAL */
  async get(ref: DocumentRef): Promise<LiveDocument> {
    const key = keyOf(ref);
    for (;;) {
      const known = this.documents.get(key);
      const document = await (known ?? this.begin(key, ref));
      if (!document.isClosed) {
        document.usedAt = performance.now();
        return document;
      }
    }
  }

  /** See `LiveCopier`. The copy is of the version that the document has now, or of a later one. */
  async copyOf(ref: DocumentRef, target: string): Promise<Version> {
    for (;;) {
      const document = await this.get(ref);
      const copied = await document.run(async () => {
        if (document.isClosed) return null;
        await this.replayNow(document);
        await document.database.copy(target);
        return document.current;
      });
      if (copied) return copied;
    }
  }

  /**
   * Applies what other processes have journalled up to a version, and sends everybody what they lack.
   * @throws AppError OVERLOADED, INTERNAL
   */
  async catchUp(document: LiveDocument, version: number): Promise<void> {
    if (document.isClosed) return;
    if (document.version < version) await document.run(() => this.replayNow(document));
    // Also without a replay: a version may have been applied where nobody was told, or a read for a client have failed.
    for (const subscriber of document.subscribers) subscriber.catchUp();
  }

  /**
   * As `catchUp`, in the document's turn.
   * @throws AppError EPOCH_CHANGED after which the document is closed
   */
  async replayNow(document: LiveDocument): Promise<void> {
    const row = await this.getRow(document);
    if (row.version <= document.version) return;
    try {
      await this.copies.catchUp(document.database, document.ref, row);
      document.noteOthers(row.mark);
    } catch {
      // What is missing was uploaded and dropped meanwhile, or a thread was replaced: the copy starts from what is stored.
      await this.reopenNow(document, { isDoubtful: true });
    }
  }

  /**
   * Closes the copy without COMMIT and opens it again at the row's version, in the document's turn. Whatever is open in it
   * is rolled back, and replayed if it counts.
   * @param isDoubtful true: the file is not trusted any more, if it can be had again
   * @throws AppError after which the document is closed
   */
  async reopenNow(document: LiveDocument, { isDoubtful }: { isDoubtful: boolean }): Promise<void> {
    await document.copy.close().catch(() => undefined);
    try {
      const row = await this.getRow(document);
      if (isDoubtful) await this.copies.discard(document.ref, row);
      document.copy = await this.copies.open(document.ref, document.kind, row);
      document.noteOthers(document.copy.mark);
    } catch (thrown) {
      this.telemetry.noteFailure(document.ref);
      this.end(document, toAppError(thrown));
      throw thrown;
    }
  }

  /** Closes a document, and tells its clients why. */
  end(document: LiveDocument, reason: AppError): void {
    for (const { socket } of document.subscribers) hangUp(socket, reason);
    void this.close(document);
  }

  /** Takes nothing more, and closes every document once what was received is applied and answered. */
  async stop(): Promise<void> {
    await Promise.all(
      this.list().map(async (document) => {
        document.isFrozen = true;
        await document.drained();
        await new Promise(setImmediate); // or the reason would overtake the last answer
        for (const { socket } of document.subscribers) hangUp(socket, shuttingDown());
        await this.close(document);
      }),
    );
  }

  /** Closes documents that nobody uses. */
  @Interval(SWEEP_EVERY_MS)
  sweep(): void {
    const before = performance.now() - IDLE_MS;
    for (const document of this.list()) {
      if (document.subscribers.size === 0 && document.usedAt < before) void this.close(document);
    }
  }

  private begin(key: string, ref: DocumentRef): Promise<LiveDocument> {
    const opening = this.open(key, ref);
    this.documents.set(key, opening);
    opening.then(
      (document) => this.opened.set(key, document),
      () => this.documents.delete(key),
    );
    return opening;
  }

  private async open(key: string, ref: DocumentRef): Promise<LiveDocument> {
    await this.closing.get(key);
    await this.renewal.ensure(ref);
    let row = await this.rows.find(ref);
    for (;;) {
      if (!row) throw noSuchDocument();
      if (!row.hasClocks) throw rewritten();
      const seen = row;
      const kind = this.copies.kindOf(ref);
      const opened = await this.copies.open(ref, kind, seen).catch((error: unknown) => error as Error);
      row = await this.rows.find(ref);
      const isSameContent = row?.epoch === seen.epoch && row.contentMark === seen.contentMark;
      if (!(opened instanceof Error)) {
        if (isSameContent) return new LiveDocument(ref, kind, seen.epoch, opened, this.surroundings);
        await opened.close(); // another content replaced it meanwhile
      } else if (isSameContent) {
        this.telemetry.noteFailure(ref);
        throw opened;
      }
    }
  }

  private close(document: LiveDocument): Promise<void> {
    const { key } = document;
    if (document.isClosed) return this.closing.get(key) ?? Promise.resolve();
    document.isClosed = true;
    this.documents.delete(key);
    this.opened.delete(key);
    document.flush();
    const closed = document
      .run(() => document.copy.close())
      .catch(() => undefined)
      .finally(() => this.closing.delete(key));
    this.closing.set(key, closed);
    return closed;
  }

  /** @throws AppError EPOCH_CHANGED, after which the document is closed */
  private async getRow(document: LiveDocument): Promise<StoredDocument> {
    const row = await this.rows.find(document.ref);
    if (row?.epoch === document.epoch) return row;
    const error = epochChanged(row ?? { epoch: 0, version: 0 });
    this.end(document, error);
    throw error;
  }
}
