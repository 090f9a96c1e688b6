import { rm } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { OpenCopies } from '../documents/content/open-copies.js';
import { WorkingCopies } from '../documents/content/working-copies.js';
import { DocumentsRepository, isStored } from '../documents/documents.repository.js';
import { SqliteWorkers } from '../documents/import/sqlite-workers.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { Version } from '../documents/version.js';
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
  /** The mark of the content that the epoch began with, by which its working copy is named. */
  contentMark: string | null;
  /** Size of the content before compression. */
  contentBytes: number;
  /** Aborts when the upload must stop. */
  signal: AbortSignal;
}

/** Another process owns the document, or a newer version is stored already, so this upload is rolled back. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

/** A file with a document's content at one version. */
interface OpenContent {
  path: string;
  version: Version;
  /** Lets go of the file; a second call does nothing. */
  release(): Promise<void>;
}

/** Takes a document's content from the working copy to object storage: copy, integrity check, gzip, put. */
@Injectable()
export class UploadPipeline {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly copies: WorkingCopies,
    private readonly openCopies: OpenCopies,
    private readonly workers: SqliteWorkers,
    private readonly storage: ObjectStorage,
  ) {}

  /**
   * Writes the content to object storage. The document can be written meanwhile: of one that has live changes, the version
   * that its copy has when it is made is uploaded.
   * @param labelled called with the version of the copy; returns the upload of it, whose key the object gets
   * @throws Superseded when this epoch's content need not be uploaded any more; AppError STORAGE_UNAVAILABLE, DISK_FULL,
   *   INTERNAL when the content is damaged (see `isUnreadable`)
   */
  async put(
    upload: RunningUpload,
    labelled: (version: Version) => Promise<{ key: string }>,
  ): Promise<WrittenObject> {
    const { signal } = upload;
    const [raw, copy] = [this.copies.incoming(), this.copies.incoming()];
    const source = await this.open(upload, raw);
    try {
      signal.throwIfAborted();
      const { key } = await labelled(source.version);
      const isCopied = await this.tryCopy(source.path, copy, upload.contentBytes);
      signal.throwIfAborted();
      // The source does not change; while it is read where it lies, it is held, so that it stays.
      const file = isCopied ? copy : source.path;
      if (isCopied) await source.release();
      const checked = this.workers.check(file).catch(failUnreadable);
      return await putPacked(this.storage, key, file, checked, signal);
    } finally {
      await source.release();
      await rm(copy, { force: true });
    }
  }

  /**
   * A file with the content, which does not change: the working copy where it lies, or a copy of one that the engine writes.
   * @param raw where such a copy is made
   */
  private async open(upload: RunningUpload, raw: string): Promise<OpenContent> {
    const { ref, epoch, version, mark, contentMark, contentBytes } = upload;
    try {
      const isFirst = version === 1;
      const held = isFirst ? await this.copies.hold(ref, { epoch, mark: contentMark }, contentBytes) : null;
      if (held) {
        return { path: held.path, version: { epoch, version, mark }, release: async () => held.release() };
      }
      const copied = await this.openCopies.copyOf(ref, raw);
      return { path: raw, version: copied, release: () => rm(raw, { force: true }) };
    } catch (error) {
      await rm(raw, { force: true });
      const document = await this.documents.find(ref);
      // Either new content replaced this version and its copy, and is due for its own upload, or another process uploaded
      // the content and dropped it from the journal.
      if (document?.epoch !== epoch || document.contentMark !== contentMark || isStored(document, document)) {
        throw new Superseded();
      }
      throw error;
    }
  }

  /**
   * Copies the content, so that a check and an upload of any length keep nothing in place.
   * @returns false when the disk has no room for a copy; a full disk would never empty if uploads needed one
   */
  private async tryCopy(file: string, copy: string, contentBytes: number): Promise<boolean> {
    const endClaim = await this.copies.room.claimDisk(contentBytes);
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
