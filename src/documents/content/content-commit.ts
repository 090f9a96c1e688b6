import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip } from 'node:zlib';
import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../../foundation/config/config.module.js';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { DiskSpace } from '../../foundation/files/disk-space.js';
import type { DocumentRef } from '../../locks/lock.js';
import type { StoredDocument } from '../documents.repository.js';
import type { Pair, Version } from '../version.js';
import { JournalRepository, type Draft } from './journal.repository.js';
import { WorkingCopies } from './working-copies.js';

/** The version that the new content gets. */
export interface NextVersion extends Version {
  /** The document before the commit; null: it had no content. */
  previous: StoredDocument | null;
}

/** The caller's steps within a commit. */
interface CommitSteps {
  /** Checks that the content may be replaced, and chooses the next version. */
  decide(tx: Transaction): Promise<NextVersion>;
  /** Stores the document's row. Called late, as its locks may keep other transactions waiting. */
  record(tx: Transaction, next: NextVersion): Promise<void>;
}

/**
 * Makes new content durable in one transaction with its document's row: on PostgreSQL in the journal, on SQLite as the
 * working copy.
 */
@Injectable()
export class ContentCommit {
  constructor(
    private readonly database: Database,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly disk: DiskSpace,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Makes a file the document's content, and removes the working copies of earlier epochs.
   * @param replaced the version that the writer saw
   * @param file a temporary file of `WorkingCopies.incoming`, synced to disk
   * @throws AppError OVERLOADED, and the errors of the steps; then nothing has changed
   */
  async run(ref: DocumentRef, replaced: Pair, file: string, steps: CommitSteps): Promise<Version> {
    const { epoch, version, mark } = this.journal.hasContents
      ? await this.commitToJournal(ref, replaced, file, steps)
      : await this.commitAsCopy(ref, replaced, file, steps);
    const current = { epoch, version, mark };
    await this.copies.removeBefore(ref, epoch);
    return current;
  }

  private async commitToJournal(
    ref: DocumentRef,
    replaced: Pair,
    file: string,
    { decide, record }: CommitSteps,
  ): Promise<Version> {
    const draft = await this.addDraft(ref, replaced, file);
    const commit = this.database.transaction(async (tx) => {
      const next = await decide(tx);
      await this.journal.drop(tx, ref, replaced);
      await this.journal.commitDraft(tx, ref, draft, next);
      await record(tx, next);
      return next;
    });
    const next = await commit.catch(async (error: unknown) => {
      await this.journal.removeDraft(ref, draft);
      throw error;
    });
    // Place the file only after the commit: a failed transaction must not leave its file in place. If placing fails, the
    // write has still succeeded, as the working copy can be made again from the journal.
    await this.copies.place(ref, next, file).catch(() => undefined);
    return next;
  }

  private async commitAsCopy(
    ref: DocumentRef,
    replaced: Pair,
    file: string,
    { decide, record }: CommitSteps,
  ): Promise<Version> {
    let placed: Version | null = null;
    return this.database.transaction(async (tx) => {
      const decided = await decide(tx);
      const next = placed ? { ...decided, mark: placed.mark } : decided;
      await this.journal.drop(tx, ref, replaced);
      await record(tx, next);
      // Place the file before the commit: it is the only copy of the content, so the row must never exist without it.
      // If the transaction runs again, the file is in its place already: no other transaction has run in between.
      if (!placed) await this.copies.place(ref, next, file);
      placed = next;
      return next;
    });
  }

  private async addDraft(ref: DocumentRef, replaced: Pair, file: string): Promise<Draft> {
    const packed = `${file}.gz`;
    try {
      await this.disk.orReclaim(() => pack(file, packed));
      return await this.journal.addDraft(ref, replaced, packed, this.now());
    } finally {
      await rm(packed, { force: true });
    }
  }
}

/** Compresses for speed, not size: the journal's content is read once at most. */
async function pack(file: string, packed: string): Promise<void> {
  const gzip = createGzip({ level: constants.Z_BEST_SPEED });
  await pipeline(createReadStream(file), gzip, createWriteStream(packed, { mode: 0o600 }));
}
