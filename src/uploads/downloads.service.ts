import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import {
  DocumentsRepository,
  isStored,
  type Pair,
  type StoredDocument,
} from '../documents/documents.repository.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { DocumentRef } from '../locks/lock.js';
import { ObjectStorage } from '../storage/storage.js';
import { UploadsService } from './uploads.service.js';

const POLL_MS = 200;
const WAIT_MS = 30_000;
const RETRY_AFTER_SECONDS = 15;

/** Where one version of a document can be had for a while. */
export interface Download extends Pair {
  url: string;
  /** Epoch ms. */
  expiresAt: number;
  /** Of the gzipped object, in hexadecimal. */
  sha256: string;
  /** Of the gzipped object. */
  sizeBytes: number;
}

/** Gives out documents. */
@Injectable()
export class DownloadsService {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly uploads: UploadsService,
    private readonly storage: ObjectStorage,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * An address for the document as it is now, or newer; what is not uploaded yet is uploaded first.
   * @param origin where the request came to
   * @throws AppError NOT_FOUND, STORAGE_UNAVAILABLE, OVERLOADED, DISK_FULL, SHUTTING_DOWN, INTERNAL when the content is damaged
   */
  async find(ref: DocumentRef, origin: string): Promise<Download> {
    const document = await this.upToDate(ref).catch(failWithRetry);
    const address = await this.storage
      .downloadUrl(document.storedKey!, {
        ttlMs: this.config.downloadUrlTtlSeconds * 1_000,
        fileName: `${ref.videoId}-${ref.kind}.db`,
        origin,
      })
      .catch(failWithRetry);
    return {
      ...address,
      epoch: document.storedEpoch!,
      version: document.storedVersion!,
      sha256: document.storedSha256!,
      sizeBytes: document.storedSizeBytes!,
    };
  }

  /** Takes the document over from another process that does not upload it just now. */
  private async upToDate(ref: DocumentRef): Promise<StoredDocument> {
    const wanted = await this.get(ref);
    const deadline = Date.now() + WAIT_MS;
    let document = wanted;
    while (!isStored(document, wanted)) {
      if (Date.now() > deadline) {
        throw new AppError('OVERLOADED', {
          detail: 'The document is being uploaded by another server process.',
          retry_after: 5,
        });
      }
      const outcome = await this.uploads.upload(ref, { isForced: true });
      if (outcome === 'superseded') await delay(POLL_MS);
      document = await this.get(ref);
    }
    return document;
  }

  private async get(ref: DocumentRef): Promise<StoredDocument> {
    const document = await this.documents.find(ref);
    if (document) return document;
    throw new AppError('NOT_FOUND', { detail: 'There is no such document.' });
  }
}

/** The store does not know when it will be back; asking again soon costs an upload. */
function failWithRetry(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'STORAGE_UNAVAILABLE') throw error;
  throw new AppError(error.code, { retry_after: RETRY_AFTER_SECONDS, ...error.details }, { cause: error });
}
