import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { ContentRenewal } from '../documents/content/content-renewal.js';
import { DocumentsRepository, isStored, type StoredDocument } from '../documents/documents.repository.js';
import type { Version } from '../documents/version.js';
import { AppError } from '../foundation/errors/app-error.js';
import type { DocumentRef } from '../locks/lock.js';
import { LocksService } from '../locks/locks.service.js';
import { ObjectStorage } from '../storage/storage.js';
import { UploadsService } from './uploads.service.js';

const POLL_MS = 200;
const WAIT_MS = 30_000;
const RETRY_AFTER_SECONDS = 15;

/** A download URL for one version of a document. */
export interface Download extends Version {
  url: string;
  /** Epoch ms. */
  expiresAt: number;
  /** Hash of the gzipped object, in hexadecimal. */
  sha256: string;
  /** Size of the gzipped object. */
  sizeBytes: number;
}

/** Lets clients download documents from object storage. */
@Injectable()
export class DownloadsService {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly uploads: UploadsService,
    private readonly storage: ObjectStorage,
    private readonly renewal: ContentRenewal,
    private readonly locks: LocksService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * A URL of the document's current version or a newer one, which can merge changes where that is possible; uploads it first if object storage does not have it.
   * @param origin the server's origin in the request
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
      mark: document.storedMark,
      sha256: document.storedSha256!,
      sizeBytes: document.storedSizeBytes!,
    };
  }

  /** Uploads the current version. Takes the document over from another owner, unless that process is uploading it. */
  private async upToDate(ref: DocumentRef): Promise<StoredDocument> {
    const wanted = await this.getMerging(ref);
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

  /** The document; a content from before live documents is made one that can merge changes first. */
  private async getMerging(ref: DocumentRef): Promise<StoredDocument> {
    const document = await this.get(ref);
    // Who holds the lock may be about to write over the version that it has.
    if (document.hasClocks || (await this.locks.find(ref))) return document;
    await this.renewal.tryTo(ref);
    return this.get(ref);
  }

  private async get(ref: DocumentRef): Promise<StoredDocument> {
    const document = await this.documents.find(ref);
    if (document) return document;
    throw new AppError('NOT_FOUND', { detail: 'There is no such document.' });
  }
}

/** Adds `retry_after` to STORAGE_UNAVAILABLE, as every retry costs another attempt to upload. */
function failWithRetry(error: unknown): never {
  if (!(error instanceof AppError) || error.code !== 'STORAGE_UNAVAILABLE') throw error;
  throw new AppError(error.code, { retry_after: RETRY_AFTER_SECONDS, ...error.details }, { cause: error });
}
