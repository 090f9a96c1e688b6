import { rm } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import type { HeldCopy } from '../documents/content/copy-cache.js';
import { WorkingCopies } from '../documents/content/working-copies.js';
import { DocumentsRepository, isStored } from '../documents/documents.repository.js';
import { SqliteWorkers } from '../documents/import/sqlite-workers.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { DocumentRef } from '../locks/lock.js';
import { isSame, type Version } from '../documents/version.js';
import { ObjectStorage, type WrittenObject } from '../storage/storage.js';
import { putPacked } from './put-packed.js';
import type { BegunUpload } from './uploads.repository.js';

/** A running upload of this process. */
export interface RunningUpload extends BegunUpload {
  /** When the document's row was read, epoch ms. */
  readAt: number;
  /** How many scheduled uploads failed in a row before this one. */
  failures: number;
  isForced: boolean;
  /** Size of the content before compression. */
  contentBytes: number;
  /** Aborts when the upload must stop. */
  signal: AbortSignal;
}

/** Another process owns the document, or a newer version is stored already, so this upload is rolled back. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** Takes a document's content from the working copy to object storage: copy, integrity check, gzip, put. */
@Injectable()
export class UploadPipeline {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly copies: WorkingCopies,
    private readonly workers: SqliteWorkers,
    private readonly storage: ObjectStorage,
  ) {}

  /**
   * Writes the content to object storage under the upload's key. The document can be written meanwhile.
   * @throws Superseded when this epoch's content need not be uploaded any more; AppError STORAGE_UNAVAILABLE, DISK_FULL,
   *   INTERNAL when the content is damaged (see `isUnreadable`)
   */
  async put(upload: RunningUpload): Promise<WrittenObject> {
    const { ref, key, contentBytes, signal } = upload;
    const copy = this.copies.incoming();
    try {
      const working = await this.hold(ref, upload, contentBytes);
      await this.workers
        .copy(working.path, copy)
        .catch(failUnreadable)
        .finally(() => working.release());
      signal.throwIfAborted();
      const checked = this.workers.check(copy).catch(failUnreadable);
      return await putPacked(this.storage, key, copy, checked, signal);
    } finally {
      await rm(copy, { force: true });
    }
  }

  /** Removes an object that `put` may have written; ignores a failure. */
  async remove(key: string): Promise<void> {
    await this.storage.remove(key).catch(() => undefined);
  }

  private async hold(ref: DocumentRef, version: Version, sizeBytes: number): Promise<HeldCopy> {
    try {
      return await this.copies.hold(ref, version, sizeBytes);
    } catch (error) {
      const document = await this.documents.find(ref);
      // Either new content replaced this version and its copy, and is due for its own upload, or another process uploaded
      // the content and dropped it from the journal.
      if (!document || !isSame(document, version) || isStored(document, document)) throw new Superseded();
      throw error;
    }
  }
}

/** Whether `put` failed because the working copy cannot be read. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'INTERNAL';
}

function failUnreadable(error: unknown): never {
  if (error instanceof AppError) throw error;
  const detail = 'The content of a document cannot be read; its file may be damaged.';
  throw new AppError('INTERNAL', { detail }, { cause: error });
}
