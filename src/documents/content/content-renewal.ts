import { createReadStream } from 'node:fs';
import { createGzip, constants } from 'node:zlib';
import { Injectable, Logger } from '@nestjs/common';
import { AppError } from '../../foundation/errors/app-error.js';
import { KeyedMutex } from '../../foundation/flow/keyed-mutex.js';
import { keyOf, type DocumentRef } from '../../locks/lock.js';
import { LocksService } from '../../locks/locks.service.js';
import { contentOf, DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import { isSame } from '../version.js';
import { ContentImport } from './content-import.js';
import { ContentService } from './content.service.js';
import { WorkingCopies } from './working-copies.js';

/** Imports contents from before live documents anew, in a new epoch, so that they can merge changes. */
@Injectable()
export class ContentRenewal {
  private readonly logger = new Logger('Documents');
  /** Within this process a content is imported once; of several processes, the row lets one succeed. */
  private readonly running = new KeyedMutex();

  constructor(
    private readonly documents: DocumentsRepository,
    private readonly copies: WorkingCopies,
    private readonly imports: ContentImport,
    private readonly content: ContentService,
    private readonly locks: LocksService,
  ) {}

  /**
   * Makes sure that a document's content can merge changes; does nothing if it can, or if there is none. While a job holds
   * the lock the content stays as it is: what the job writes will be able to.
   * @throws AppError DOCUMENT_INVALID, BODY_TOO_LARGE, DISK_FULL, OVERLOADED, …; then nothing has changed
   */
  async ensure(ref: DocumentRef): Promise<void> {
    if (!needsRenewal(await this.documents.find(ref))) return;
    await this.running.run(keyOf(ref), async () => {
      const seen = await this.documents.find(ref);
      if (needsRenewal(seen) && (await this.locks.find(ref))?.type !== 'server') await this.renew(ref, seen);
    });
  }

  /** Does the same, but a failure only goes to the log: the content can be read and replaced as before. */
  async tryTo(ref: DocumentRef): Promise<void> {
    await this.ensure(ref).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
      this.logger.warn(`${ref.videoId}/${ref.kind} cannot have live changes yet: ${String(error)}`);
    });
  }

  private async renew(ref: DocumentRef, seen: StoredDocument): Promise<void> {
    try {
      const held = await this.copies.hold(ref, contentOf(seen), seen.sizeBytes);
      if (!held) return; // it is open for live changes, so it can merge them by now
      try {
        const packed = createGzip({ level: constants.Z_BEST_SPEED });
        const body = createReadStream(held.path);
        body.on('error', (error) => packed.destroy(error));
        await this.imports.run(ref, body.pipe(packed), (imported) => this.content.renew(ref, seen, imported));
      } finally {
        held.release();
      }
    } catch (error) {
      const now = await this.documents.find(ref);
      if (now && isSame(now, seen)) throw error;
      // Another process, or a writer, was faster.
    }
  }
}

function needsRenewal(document: StoredDocument | null): document is StoredDocument {
  return document?.hasClocks === 0;
}
