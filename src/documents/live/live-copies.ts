import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { Database } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { JournalRepository } from '../content/journal.repository.js';
import { WorkingCopies } from '../content/working-copies.js';
import { DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import { DocumentKinds, type DocumentKind } from '../kinds.js';
import { DocumentOwner } from '../owner.js';
import { uploadDelays } from '../upload-delays.js';
import { newMark, type Version } from '../version.js';
import { EnginePool } from './engine/engine-pool.js';
import type { LiveDatabase } from './engine/live-database.js';
import type { OpenCopy } from './live-document.js';
import { LiveTelemetry } from './live-telemetry.js';

/** Opens working copies in the engine, at the version of the document's row. */
@Injectable()
export class LiveCopies {
  constructor(
    private readonly database: Database,
    private readonly kinds: DocumentKinds,
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly owner: DocumentOwner,
    private readonly engine: EnginePool,
    private readonly telemetry: LiveTelemetry,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** @throws AppError NOT_FOUND */
  kindOf({ kind }: DocumentRef): DocumentKind {
    return this.kinds.get(kind);
  }

  /** Opens the copy of a content, and applies what it lacks. @throws AppError DISK_FULL, OVERLOADED, INTERNAL */
  async open(ref: DocumentRef, kind: DocumentKind, row: StoredDocument): Promise<OpenCopy> {
    try {
      return await this.openFile(ref, kind, row);
    } catch (error) {
      // It starts from what is stored. On SQLite nothing is discarded: the copy is all there is.
      if (!this.journal.hasContents || (error instanceof AppError && error.code !== 'INTERNAL')) throw error;
      await this.discard(ref, row);
      return this.openFile(ref, kind, row);
    }
  }

  private async openFile(ref: DocumentRef, kind: DocumentKind, row: StoredDocument): Promise<OpenCopy> {
    const held = await this.copies.holdLive(ref, row);
    let database: LiveDatabase | undefined;
    try {
      database = await this.engine.open(held.path, kind, { maxBytes: this.config.maxDocumentBytes });
      const mark = await this.meet(ref, database, row);
      held.measured(database.sizeBytes);
      const opened = database;
      return {
        database: opened,
        mark,
        grew: held.grew,
        close: async () => {
          await opened.close().finally(held.release);
        },
      };
    } catch (error) {
      await database?.close().catch(() => undefined);
      held.release();
      throw error;
    }
  }

  /**
   * Applies the journal's batches above the copy's version up to the row's.
   * @throws AppError INTERNAL when the journal has a hole; Error when a batch makes another version than it did
   */
  async catchUp(
    database: LiveDatabase,
    ref: DocumentRef,
    { epoch, version }: Pick<StoredDocument, 'epoch' | 'version'>,
  ): Promise<void> {
    if (database.version >= version) return;
    this.telemetry.noteReplay();
    for await (const batch of this.journal.batches(ref, epoch, database.version, version)) {
      const applied = await database.apply(batch.body, null);
      if (applied.version !== batch.version) {
        await database.rollback();
        throw new Error(`A batch of the journal made version ${applied.version}, not ${batch.version}.`);
      }
      await database.commit();
    }
  }

  /** Throws a copy away that can be had again. */
  discard(ref: DocumentRef, row: StoredDocument): Promise<void> {
    return this.copies.discard(ref, contentOf(row));
  }

  /** Brings copy and row to the same version. @returns the version's mark */
  private async meet(ref: DocumentRef, database: LiveDatabase, row: StoredDocument): Promise<string | null> {
    await this.catchUp(database, ref, row);
    if (database.version === row.version) return row.mark;
    // The server's database was put back to an earlier state than the copy's, which has all that was acknowledged.
    this.telemetry.noteRewound();
    if (this.journal.hasContents) throw new Error('The copy is of a version that the journal does not have.');
    const next: Version = { epoch: row.epoch, version: database.version, mark: newMark() };
    const raised = { ...next, mark: next.mark!, sizeBytes: database.sizeBytes };
    await this.database.transaction((tx) =>
      this.documents.advance(tx, ref, row, raised, this.owner.claim(), uploadDelays(this.config)),
    );
    return (await this.documents.find(ref))?.mark ?? null;
  }
}

function contentOf({ epoch, contentMark }: StoredDocument): { epoch: number; mark: string | null } {
  return { epoch, mark: contentMark };
}
