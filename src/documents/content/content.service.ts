import { Readable } from 'node:stream';
import { Inject, Injectable } from '@nestjs/common';
import { AccountsRepository } from '../../auth/accounts.repository.js';
import { DevicesRepository } from '../../auth/devices.repository.js';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import type { Transaction } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import type { DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import { DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import { packedEmptyDatabase } from '../import/empty-database.js';
import { DocumentKinds } from '../kinds.js';
import { DocumentOwner } from '../owner.js';
import { uploadDelays } from '../upload-delays.js';
import { isMeant, isSame, newMark, NO_CONTENT, versionText, type Version } from '../version.js';
import { ContentCommit, type NextVersion } from './content-commit.js';
import { DocumentQuota } from './document-quota.js';
import { ContentImport, type ImportedContent } from './content-import.js';

/** The writing session, and the version that it replaces. */
export interface Writer {
  sessionId: string;
  /** Null: an operator's job. */
  userId: string | null;
  /** Null: an operator's job. */
  deviceId: string | null;
  fencingToken: number;
  /** Both numbers 0: the document has no content yet. A null mark: the client knows none. */
  expected: Version;
}

/** Replaces the whole content of documents. */
@Injectable()
export class ContentService {
  constructor(
    private readonly imports: ContentImport,
    private readonly commits: ContentCommit,
    private readonly kinds: DocumentKinds,
    private readonly quota: DocumentQuota,
    private readonly documents: DocumentsRepository,
    private readonly accounts: AccountsRepository,
    private readonly devices: DevicesRepository,
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
   * @throws AppError DEVICE_REVOKED, LOCK_REQUIRED, VERSION_MISMATCH, DOCUMENT_INVALID, BODY_TOO_LARGE, QUOTA_EXCEEDED, DISK_FULL,
   *   OVERLOADED; then nothing has changed
   */
  async replace(
    ref: DocumentRef,
    writer: Writer,
    body: Readable,
    announcedBytes: number | null,
  ): Promise<Version> {
    if (announcedBytes !== null) this.imports.checkSize(announcedBytes);
    // The transaction checks this again; here it spares the client from sending a body that would be refused anyway.
    await this.check(null, ref, writer);
    const written = await this.imports.run(ref, body, (imported) => this.commit(ref, writer, imported));
    this.announce(ref, written);
    return written;
  }

  /** Gives a document that has no content its kind's empty tables. @throws AppError as `replace` */
  create(ref: DocumentRef, holder: Omit<Writer, 'expected'>): Promise<Version> {
    const body = packedEmptyDatabase(this.kinds.get(ref.kind));
    return this.replace(ref, { ...holder, expected: NO_CONTENT }, Readable.from([body]), null);
  }

  /**
   * Makes the same rows, imported anew, the document's content in a new epoch. Nobody need hold the lock.
   * @param seen the document whose rows were imported
   * @throws AppError VERSION_MISMATCH when it is at another version by now; then nothing has changed
   */
  async renew(ref: DocumentRef, seen: StoredDocument, { file, sizeBytes }: ImportedContent): Promise<void> {
    const written = await this.commits.run(ref, seen, file, {
      decide: async (tx) => {
        const previous = await this.documents.lock(tx, ref);
        if (!previous || !isSame(previous, seen)) throw mismatch(seen, previous);
        return { previous, epoch: previous.epoch + 1, version: 1, mark: newMark() };
      },
      record: (tx, next) => this.record(tx, ref, next, sizeBytes),
    });
    this.announce(ref, written);
  }

  private announce(ref: DocumentRef, { epoch, version, mark }: Version): void {
    const document = { video_id: ref.videoId, database: ref.kind, epoch, server_version: version, mark };
    this.events.publish('document.changed', { accountId: ref.accountId, document });
  }

  private commit(ref: DocumentRef, writer: Writer, { file, sizeBytes }: ImportedContent): Promise<Version> {
    return this.commits.run(ref, writer.expected, file, {
      decide: async (tx) => {
        if (writer.deviceId !== null) await this.devices.assertNotRevoked(tx, ref.accountId, writer.deviceId);
        const previous = await this.check(tx, ref, writer);
        const epoch = previous ? previous.epoch + 1 : await this.firstEpoch(tx, ref);
        return { previous, epoch, version: 1, mark: newMark() };
      },
      record: async (tx, next) => {
        await this.quota.check(tx, ref, next.previous, sizeBytes);
        await this.record(tx, ref, next, sizeBytes);
      },
    });
  }

  private async record(
    tx: Transaction,
    ref: DocumentRef,
    { previous, epoch, version, mark }: NextVersion,
    sizeBytes: number,
  ): Promise<void> {
    const claim = this.owner.claim();
    const content = { epoch, version, mark, sizeBytes, hasClocks: 1 as const };
    const pendingSince = previous?.pendingSince ?? claim.now;
    await this.documents.replaceContent(tx, ref, content, pendingSince, claim, uploadDelays(this.config));
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
    if (isMeant(writer.expected, document ?? NO_CONTENT)) return document;
    throw mismatch(writer.expected, document);
  }
}

function mismatch(expected: Version, document: StoredDocument | null): AppError {
  const { epoch, version, mark } = document ?? NO_CONTENT;
  return new AppError('VERSION_MISMATCH', {
    detail: describeMismatch(expected, document),
    epoch,
    server_version: version,
    mark,
  });
}

function describeMismatch(expected: Version, document: StoredDocument | null): string {
  if (!document) return 'The document has no content yet; If-Match must be "0-0".';
  const difference = `The content is at "${versionText(document)}", not at "${versionText(expected)}".`;
  const isSameNumber = document.epoch === expected.epoch && document.version === expected.version;
  if (!isSameNumber) return difference;
  return `${difference} The number was given out again after the server’s data had been put back to an earlier state.`;
}
