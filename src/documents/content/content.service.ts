import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { AccountsRepository } from '../../auth/accounts.repository.js';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { Semaphore } from '../../foundation/flow/semaphore.js';
import { KeyedMutex } from '../../foundation/flow/keyed-mutex.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { EventBus } from '../../foundation/events/event-bus.js';
import type { DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import { DocumentsRepository, type Pair, type StoredDocument } from '../documents.repository.js';
import { NO_CONTENT } from '../documents.service.js';
import { asDiskFull } from '../../foundation/files/disk-full.js';
import { inflateTo } from '../import/inflate.js';
import { SqliteWorkers } from '../import/sqlite-workers.js';
import { IncomingUploads } from './incoming-content.js';
import { JournalRepository, type Draft } from './journal.repository.js';
import { DocumentKinds } from '../kinds.js';
import { DocumentOwner } from '../owner.js';
import { WorkingCopies } from './working-copies.js';

const MINUTE_MS = 60_000;
/** A database that packs better than this was made to fill the disk. */
const MAX_RATIO = 200;
const IMPORTS_AT_ONCE = 2;
const IMPORT_WAIT_MS = 30_000;

/** The session that writes, and what it writes over. */
export interface Writer {
  sessionId: string;
  /** Null: a job on the server's side. */
  userId: string | null;
  fencingToken: number;
  /** The version that the new content replaces; 0 and 0: there is none. */
  expected: Pair;
}

/** Replaces the whole content of documents. */
@Injectable()
export class ContentService {
  private readonly incoming: IncomingUploads;
  private readonly imports = new Semaphore(IMPORTS_AT_ONCE, IMPORT_WAIT_MS);
  /** One account does not take all of the imports. */
  private readonly accountImports = new KeyedMutex();

  constructor(
    private readonly database: Database,
    private readonly accounts: AccountsRepository,
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly locks: LocksService,
    private readonly kinds: DocumentKinds,
    private readonly workers: SqliteWorkers,
    private readonly owner: DocumentOwner,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.incoming = new IncomingUploads(config.maxWorkingCopyBytes / 4);
  }

  /**
   * Makes an uploaded database the document's content, in a new epoch; durable when it resolves.
   * @param body a SQLite database, gzipped
   * @param announcedBytes how long the body says it is; null: it does not say
   * @returns the version that it is now
   * @throws AppError LOCK_REQUIRED, VERSION_MISMATCH, DOCUMENT_INVALID, BODY_TOO_LARGE, QUOTA_EXCEEDED, DISK_FULL,
   *   OVERLOADED; nothing has changed then
   */
  async replace(
    ref: DocumentRef,
    writer: Writer,
    body: Readable,
    announcedBytes: number | null,
  ): Promise<Pair> {
    if (announcedBytes !== null) this.checkSize(announcedBytes);
    // What is bound to fail does so before anything is sent and unpacked.
    await this.check(null, ref, writer);
    const incoming = await this.incoming.begin(ref.accountId);
    const upload = this.copies.incoming();
    const content = `${upload}.db`;
    const packed = `${upload}.gz`;
    let next: Pair;
    try {
      const limits = { maxBytes: this.config.maxDocumentBytes, maxRatio: MAX_RATIO, onGrowth: incoming.grow };
      const { sizeBytes: uploadedBytes } = await inflateTo(body, upload, limits);
      const sizeBytes = await this.accountImports.run(ref.accountId, () =>
        this.import(ref, upload, content, uploadedBytes),
      );
      next = this.journal.isKept
        ? await this.commitJournalled(ref, writer, { content, packed, sizeBytes })
        : await this.commit(ref, writer, { content, sizeBytes }, null);
    } catch (error) {
      throw asDiskFull(error);
    } finally {
      await Promise.all([upload, content, packed].map((file) => rm(file, { force: true })));
      incoming.end();
    }
    const { epoch, version } = next;
    await this.copies.removeBefore(ref, epoch);
    const document = { video_id: ref.videoId, database: ref.kind, epoch, server_version: version };
    this.events.publish('document.changed', { accountId: ref.accountId, document });
    return next;
  }

  /** @throws AppError BODY_TOO_LARGE */
  private checkSize(bytes: number): void {
    const { maxDocumentBytes } = this.config;
    if (bytes <= maxDocumentBytes) return;
    throw new AppError('BODY_TOO_LARGE', {
      detail: `A document may have ${maxDocumentBytes} bytes at most.`,
    });
  }

  private async import(
    ref: DocumentRef,
    upload: string,
    content: string,
    uploadedBytes: number,
  ): Promise<number> {
    await this.imports.acquire();
    try {
      await this.copies.makeRoom(uploadedBytes);
      const { sizeBytes } = await this.workers.importDatabase(
        this.kinds.get(ref.kind),
        upload,
        content,
        this.config.maxDocumentBytes,
      );
      this.checkSize(sizeBytes);
      return sizeBytes;
    } finally {
      this.imports.release();
    }
  }

  private async commitJournalled(
    ref: DocumentRef,
    writer: Writer,
    files: { content: string; packed: string; sizeBytes: number },
  ): Promise<Pair> {
    await pack(files.content, files.packed);
    const draft = await this.journal.addDraft(ref, writer.expected, files.packed, this.now());
    const next = await this.commit(ref, writer, files, draft).catch(async (error: unknown) => {
      await this.journal.removeDraft(ref, draft);
      throw error;
    });
    // Here the journal is the truth, and a file of a transaction that failed must never be in place. A file that cannot
    // be placed now is brought back from the journal: what is committed must not be answered as refused.
    await this.copies.place(ref, next.epoch, files.content).catch(() => undefined);
    return next;
  }

  /** @param draft the content in the journal; null: there is no journal */
  private async commit(
    ref: DocumentRef,
    writer: Writer,
    files: { content: string; sizeBytes: number },
    draft: Draft | null,
  ): Promise<Pair> {
    return this.database.transaction(async (tx) => {
      const document = await this.check(tx, ref, writer);
      const epoch = document ? document.epoch + 1 : await this.firstEpoch(tx, ref);
      const next = { epoch, version: 1 };
      if (draft) {
        await this.journal.drop(tx, ref, writer.expected);
        await this.journal.commitDraft(tx, ref, draft, next);
      }
      // Last, as the account's pushes wait from here on.
      await this.checkQuota(tx, ref, document, files.sizeBytes);
      const now = this.now();
      const pendingSince = document?.pendingSince ?? now;
      await this.documents.replaceContent(
        tx,
        ref,
        {
          ...next,
          sizeBytes: files.sizeBytes,
          updatedAt: now,
          pendingSince,
          uploadDueAt: Math.min(
            now + this.config.uploadIdleMinutes * MINUTE_MS,
            pendingSince + this.config.uploadCheckpointMinutes * MINUTE_MS,
          ),
        },
        { ownerId: this.owner.id, now, expiresAt: now + this.owner.leaseMs },
      );
      // Without a journal the file is the truth: it must be in place before anyone is told so.
      if (!draft) await this.copies.place(ref, epoch, files.content);
      return next;
    });
  }

  /**
   * 1, or after a restore a time: the restore may have lost a document of that name, which has counted from 1, and which
   * clients and the disks of other processes may still have.
   */
  private async firstEpoch(tx: Transaction, { accountId }: DocumentRef): Promise<number> {
    return (await this.accounts.restoredAt(tx, accountId)) ?? 1;
  }

  /**
   * Whether the writer may write, until the transaction ends.
   * @param tx null: whether it may as things are, waiting for nobody
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

  /** @throws AppError QUOTA_EXCEEDED */
  private async checkQuota(
    tx: Transaction,
    { accountId }: DocumentRef,
    document: StoredDocument | null,
    sizeBytes: number,
  ): Promise<void> {
    const { maxDocumentsPerAccount: maxCount, maxDocumentBytesPerAccount: maxBytes } = this.config;
    await this.accounts.lock(tx, accountId); // or documents made at once would not count each other
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

/** Fast rather than small: it is read once at most. */
async function pack(file: string, packed: string): Promise<void> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  await pipeline(createReadStream(file), gzip, createWriteStream(packed, { mode: 0o600 }));
}
