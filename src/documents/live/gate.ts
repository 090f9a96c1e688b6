import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { Database } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { LocksService } from '../../locks/locks.service.js';
import type { SyncAccepted } from '../../protocol/documents.js';
import { DocumentQuota } from '../content/document-quota.js';
import { JournalRepository } from '../content/journal.repository.js';
import { WorkingCopies } from '../content/working-copies.js';
import { DocumentsRepository } from '../documents.repository.js';
import { DocumentOwner } from '../owner.js';
import { uploadDelays } from '../upload-delays.js';
import type { LiveDocument } from './live-document.js';
import { notHolder } from './live-errors.js';
import { LiveTelemetry } from './live-telemetry.js';
import { OpenDocuments } from './open-documents.js';
import type { Subscriber } from './subscriber.js';

/** How often a document's growth is held against its account's quota. */
const QUOTA_EVERY_MS = 1_000;

/** Another process has made a version that this one lacks. */
class Behind extends Error {
  override readonly name = 'Behind';
}

/** A batch that was taken. */
interface Taken {
  accepted: SyncAccepted;
  rows: number;
}

/**
 * Where a document's batches pass one after another: merged into the copy, in a transaction that waits; journalled, with
 * the lock checked and the row's version compared and set; committed to the copy; then answered.
 */
@Injectable()
export class Gate {
  constructor(
    private readonly database: Database,
    private readonly locks: LocksService,
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly quota: DocumentQuota,
    private readonly owner: DocumentOwner,
    private readonly open: OpenDocuments,
    private readonly telemetry: LiveTelemetry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Takes a holder's batch.
   * @returns when it survives the end of this process
   * @throws AppError LOCK_REQUIRED, CHANGES_INVALID, EPOCH_CHANGED, QUOTA_EXCEEDED, DISK_FULL, OVERLOADED, INTERNAL
   */
  async take(document: LiveDocument, author: Subscriber, body: Uint8Array): Promise<SyncAccepted> {
    const askedAt = performance.now();
    try {
      const { accepted, rows } = await this.takeInTurn(document, author, body, askedAt);
      this.telemetry.noteTaken(rows, performance.now() - askedAt);
      return accepted;
    } catch (thrown) {
      this.telemetry.noteRefused(thrown);
      throw thrown;
    }
  }

  private async takeInTurn(
    document: LiveDocument,
    author: Subscriber,
    body: Uint8Array,
    askedAt: number,
  ): Promise<Taken> {
    // What comes from now on is not taken from a session that is about to lose the lock; what came before is.
    if (author.fencingToken === null || document.isFrozen || document.isClosed) throw notHolder();
    return document.run(async () => {
      this.telemetry.noteWait(performance.now() - askedAt);
      if (document.isClosed) throw notHolder();
      return (await this.tryTake(document, author, body)) ?? (await this.takeAgain(document, author, body));
    });
  }

  /** After a lost comparison: with what the other process has made, once more. */
  private async takeAgain(document: LiveDocument, author: Subscriber, body: Uint8Array): Promise<Taken> {
    await this.open.replayNow(document);
    for (const subscriber of document.subscribers) subscriber.catchUp();
    const taken = await this.tryTake(document, author, body);
    if (taken) return taken;
    throw new AppError('OVERLOADED', { detail: 'Another process writes this document too.', retry_after: 1 });
  }

  /** @returns null when another process has made a version that this one lacks */
  private async tryTake(document: LiveDocument, author: Subscriber, body: Uint8Array): Promise<Taken | null> {
    if (author.fencingToken === null) throw notHolder();
    const { database, version: previous } = document;
    await this.checkRoom(document, body.byteLength);
    const { version, rows } = await database.apply(body, author.peer.siteId);
    if (version === previous) {
      return { accepted: { previous, server_version: previous, mark: document.mark }, rows };
    }
    try {
      await this.commitToJournal(document, author, version, body);
    } catch (error) {
      const isUndone =
        error instanceof Behind || (error instanceof AppError && error.code === 'LOCK_REQUIRED');
      if (isUndone) {
        await database.rollback();
        if (error instanceof Behind) return null;
        throw error;
      }
      // It may be committed, or not: what is opened anew finds out from the journal.
      await this.open.reopenNow(document, { isDoubtful: false });
      throw error;
    }
    document.mark = document.openingMark;
    await database.commit().catch(() => this.open.reopenNow(document, { isDoubtful: true })); // it counts: it is replayed
    document.copy.grew(database.sizeBytes);
    const { mark } = document;
    document.spread({ previous, version, mark, rows, body }, author);
    return { accepted: { previous, server_version: version, mark }, rows };
  }

  /** @throws AppError DISK_FULL, QUOTA_EXCEEDED */
  private async checkRoom(document: LiveDocument, bytes: number): Promise<void> {
    await this.copies.room.make(bytes);
    const now = performance.now();
    if (now - document.quotaAskedAt < QUOTA_EVERY_MS) return;
    await this.quota.checkGrowth(document.ref.accountId, bytes);
    document.quotaAskedAt = now; // an account that is full is asked about with each batch
  }

  private async commitToJournal(
    document: LiveDocument,
    author: Subscriber,
    version: number,
    body: Uint8Array,
  ): Promise<void> {
    const { peer, fencingToken } = author;
    const { ref, current, openingMark, database } = document;
    const holding = {
      sessionId: peer.sessionId,
      userId: peer.session.deviceId,
      fencingToken: fencingToken!,
    };
    await this.database.transaction(async (tx) => {
      await this.locks.assertHeld(tx, ref, holding);
      const next = { version, mark: openingMark, sizeBytes: database.sizeBytes };
      const claim = this.owner.claim();
      const delays = uploadDelays(this.config);
      if (!(await this.documents.advance(tx, ref, current, next, claim, delays))) throw new Behind();
      await this.journal.addBatch(tx, ref, { epoch: document.epoch, version }, body);
    });
  }
}
