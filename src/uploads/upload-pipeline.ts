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
    const working = await this.hold(ref, upload, contentBytes);
    const copy = this.copies.incoming();
    try {
      const isCopied = await this.tryCopy(working.path, copy, contentBytes);
      signal.throwIfAborted();
      // The file of an epoch does not change; while it is read where it lies, it is held, so that it stays.
      const file = isCopied ? copy : working.path;
      if (isCopied) working.release();
      const checked = this.workers.check(file).catch(failUnreadable);
      return await putPacked(this.storage, key, file, checked, signal);
    } finally {
      working.release();
      await rm(copy, { force: true });
    }
  }

  /**
   * Copies the content, so that a check and an upload of any length keep nothing in place.
   * @returns false when the disk has no room for a copy; a full disk would never empty if uploads needed one
   */
  private async tryCopy(file: string, copy: string, contentBytes: number): Promise<boolean> {
    const endClaim = await this.copies.claimDisk(contentBytes);
    if (!endClaim) return false;
    try {
      await this.workers.copy(file, copy);
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'DISK_FULL') return false;
      return failUnreadable(error);
    } finally {
      endClaim();
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

/** What SQLite says of a damaged file, in messages of worker threads. */
const DAMAGE = /\bSQLITE_(CORRUPT|NOTADB)|^The database is damaged/;

function failUnreadable(error: unknown): never {
  if (error instanceof AppError) throw error;
  const isDamaged = DAMAGE.test((error as Error).message);
  const detail = `The content of a document cannot be read${isDamaged ? '; its file may be damaged' : ' at present'}.`;
  throw new AppError('INTERNAL', { detail }, { cause: error });
}
