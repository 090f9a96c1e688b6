import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { ObjectStorage } from '../../storage/storage.js';
import type { StoredDocument } from '../documents.repository.js';
import { inflateTo, UNLIMITED } from '../import/inflate.js';
import { JournalRepository } from './journal.repository.js';

/** Where a working copy can be had from when this process's disk does not have it. */
@Injectable()
export class ContentBase {
  constructor(
    private readonly journal: JournalRepository,
    private readonly storage: ObjectStorage,
  ) {}

  /**
   * Writes a document's content into a new file: the uploaded one if it is of the document's epoch, else the content that
   * the epoch began with. The batches above it are in the journal.
   * @throws AppError INTERNAL when there is neither, STORAGE_UNAVAILABLE, DISK_FULL
   */
  async fetch(ref: DocumentRef, document: StoredDocument, file: string): Promise<void> {
    if (document.storedEpoch === document.epoch) {
      const { storedKey, storedSha256 } = document;
      await inflateTo(await readChecked(this.storage, storedKey!, storedSha256!), file, UNLIMITED);
    } else if (this.journal.hasContents) {
      const { sizeBytes } = await inflateTo(
        this.journal.read(ref, { ...document, version: 1 }),
        file,
        UNLIMITED,
      );
      if (document.version === 1 && sizeBytes !== document.sizeBytes) {
        throw new Error('The journal has another size than the document.');
      }
    } else {
      const detail = `The data folder does not have the content of ${ref.videoId}/${ref.kind} at epoch ${document.epoch}.`;
      throw new AppError('INTERNAL', { detail });
    }
  }
}

/** Reads an object; the stream fails at its end if the object is not what was uploaded. @throws AppError OBJECT_NOT_FOUND */
export async function readChecked(storage: ObjectStorage, key: string, sha256: string): Promise<Readable> {
  const hash = createHash('sha256');
  const source = await storage.read(key);
  const checked = async function* () {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      hash.update(chunk);
      yield chunk;
    }
    if (hash.digest('hex') === sha256) return;
    throw new AppError('INTERNAL', { detail: 'The object in storage is not what was uploaded.' });
  };
  return Readable.from(checked());
}
