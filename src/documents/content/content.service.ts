import type { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../../auth/accounts.repository.js';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import type { Transaction } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import type { DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import { DocumentsRepository, type Pair, type StoredDocument } from '../documents.repository.js';
import { NO_CONTENT } from '../documents.service.js';
import { DocumentOwner } from '../owner.js';
import { ContentCommit, type NextVersion } from './content-commit.js';
import { ContentImport, type ImportedContent } from './content-import.js';

const MINUTE_MS = 60_000;

/** The writing session, and the version that it replaces. */
export interface Writer {
  sessionId: string;
  /** Null: an operator's job. */
  userId: string | null;
  fencingToken: number;
  /** Both 0: the document has no content yet. */
  expected: Pair;
}

/** Replaces the whole content of documents. */
@Injectable()
export class ContentService {
  constructor(
    private readonly imports: ContentImport,
    private readonly commits: ContentCommit,
    private readonly documents: DocumentsRepository,
    private readonly accounts: AccountsRepository,
    private readonly locks: LocksService,
    private readonly owner: DocumentOwner,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Imports a database and makes it the document's content, in a new epoch; the content is durable when this resolves.
   * @param body a SQLite database, gzipped
   * @param announcedBytes the Content-Length; null: not given
   * @returns the new version
   * @throws AppError LOCK_REQUIRED, VERSION_MISMATCH, DOCUMENT_INVALID, BODY_TOO_LARGE, QUOTA_EXCEEDED, DISK_FULL,
   *   OVERLOADED; then nothing has changed
   */
  async replace(
    ref: DocumentRef,
    writer: Writer,
    body: Readable,
    announcedBytes: number | null,
  ): Promise<Pair> {
    if (announcedBytes !== null) this.imports.checkSize(announcedBytes);
    // The transaction checks this again; here it spares the client from sending a body that would be refused anyway.
    await this.check(null, ref, writer);
    const { epoch, version } = await this.imports.run(ref, body, (imported) =>
      this.commit(ref, writer, imported),
    );
    const document = { video_id: ref.videoId, database: ref.kind, epoch, server_version: version };
    this.events.publish('document.changed', { accountId: ref.accountId, document });
    return { epoch, version };
  }

  private commit(ref: DocumentRef, writer: Writer, { file, sizeBytes }: ImportedContent): Promise<Pair> {
    return this.commits.run(ref, writer.expected, file, {
      decide: async (tx) => {
        const previous = await this.check(tx, ref, writer);
        const epoch = previous ? previous.epoch + 1 : await this.firstEpoch(tx, ref);
        return { previous, epoch, version: 1 };
      },
      record: async (tx, next) => {
        await this.checkQuota(tx, ref, next.previous, sizeBytes);
        await this.record(tx, ref, next, sizeBytes);
      },
    });
  }

  private async record(
    tx: Transaction,
    ref: DocumentRef,
    { previous, epoch, version }: NextVersion,
    sizeBytes: number,
  ): Promise<void> {
    const claim = this.owner.claim();
    const { now: updatedAt } = claim;
    const pendingSince = previous?.pendingSince ?? updatedAt;
    const uploadDueAt = Math.min(
      updatedAt + this.config.uploadIdleMinutes * MINUTE_MS,
      pendingSince + this.config.uploadCheckpointMinutes * MINUTE_MS,
    );
    const content = { epoch, version, sizeBytes, updatedAt, pendingSince, uploadDueAt };
    await this.documents.replaceContent(tx, ref, content, claim);
  }

  /**
   * The epoch of a new document: 1, or the time of the restore if the account was restored from a backup. The backup may
   * lack a document of the same name that counted from 1, whose versions clients and other processes may still have.
   */
  private async firstEpoch(tx: Transaction, { accountId }: DocumentRef): Promise<number> {
    return (await this.accounts.restoredAt(tx, accountId)) ?? 1;
  }

  /**
   * Checks that the writer may write, and locks the rows so that this stays true until the transaction ends.
   * @param tx null: checks without locking anything, so the result may be out of date at once
   * @returns the current document; null: it has no content
   * @throws AppError LOCK_REQUIRED, VERSION_MISMATCH
   */
  private async check(
    tx: Transaction | null,
    ref: DocumentRef,
    writer: Writer,
  ): Promise<StoredDocument | null> {
    await this.locks.assertHeld(tx, ref, writer);
    const document = tx ? await this.documents.lock(tx, ref) : await this.documents.find(ref);
    const { epoch, version } = document ?? NO_CONTENT;
    const { expected } = writer;
    if (epoch === expected.epoch && version === expected.version) return document;
    throw new AppError('VERSION_MISMATCH', {
      detail: document
        ? `The content is at "${epoch}-${version}", not at "${expected.epoch}-${expected.version}".`
        : 'The document has no content yet; If-Match must be "0-0".',
      epoch,
      server_version: version,
    });
  }

  /** Checks the account's number of documents and their total size. @throws AppError QUOTA_EXCEEDED */
  private async checkQuota(
    tx: Transaction,
    { accountId }: DocumentRef,
    document: StoredDocument | null,
    sizeBytes: number,
  ): Promise<void> {
    const { maxDocumentsPerAccount: maxCount, maxDocumentBytesPerAccount: maxBytes } = this.config;
    // Without the lock, two documents made at the same time would not count each other. The account's pushes wait for it.
    await this.accounts.lock(tx, accountId);
    const usage = await this.documents.usage(tx, accountId);
    if (!document && maxCount > 0 && usage.count >= maxCount) {
      throw new AppError('QUOTA_EXCEEDED', { detail: `An account may have ${maxCount} documents.` });
    }
    if (maxBytes > 0 && usage.sizeBytes - (document?.sizeBytes ?? 0) + sizeBytes > maxBytes) {
      throw new AppError('QUOTA_EXCEEDED', {
        detail: `The documents of an account may take ${maxBytes} bytes together.`,
      });
    }
  }
}
