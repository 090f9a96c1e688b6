import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { WorkingCopies } from '../documents/content/working-copies.js';
import { contentOf, DocumentsRepository, isStored } from '../documents/documents.repository.js';
import { DocumentOwner } from '../documents/owner.js';
import { isSame, type Version } from '../documents/version.js';
import { uploadDelays } from '../documents/upload-delays.js';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import { allSettledWithin } from '../foundation/flow/all-settled.js';
import { backoffMs } from '../foundation/flow/backoff.js';
import { orAborted } from '../foundation/flow/or-aborted.js';
import { Semaphore } from '../foundation/flow/semaphore.js';
import { keyOf, type DocumentRef } from '../locks/lock.js';
import type { WrittenObject } from '../storage/storage.js';
import { objectKey } from './object-key.js';
import { isUnreadable, Superseded, UploadPipeline, type RunningUpload } from './upload-pipeline.js';
import { UploadsTelemetry } from './uploads-telemetry.js';
import { UploadsRepository, type BegunUpload } from './uploads.repository.js';

const MINUTE_MS = 60_000;
const MAX_WAIT_MS = 10 * MINUTE_MS;
const SETTLE_MS = 2_000;

/** How an upload ended. `superseded`: another process owns or took over the document, or a newer version is stored. */
type UploadOutcome = 'uploaded' | 'nothing' | 'superseded';

/** Uploads documents: at most one upload per document across all processes, and a few at once in this process. */
@Injectable()
export class UploadsService implements OnModuleDestroy {
  /** Running uploads by document. */
  private readonly running = new Map<string, Promise<UploadOutcome>>();
  private readonly places: Semaphore;
  private readonly stopping = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly documents: DocumentsRepository,
    private readonly uploads: UploadsRepository,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly pipeline: UploadPipeline,
    private readonly owner: DocumentOwner,
    private readonly telemetry: UploadsTelemetry,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.places = new Semaphore(config.uploadsAtOnce, MAX_WAIT_MS);
  }

  /** Stops all uploads and releases this process's documents, so that other processes can upload them at once. */
  async onModuleDestroy(): Promise<void> {
    await this.stop();
    // If that fails, the claims expire without it.
    await this.database
      .transaction((tx) => this.uploads.releaseOwner(tx, this.owner.id))
      .catch(() => undefined);
  }

  /** Aborts all uploads and refuses new ones. */
  async stop(): Promise<void> {
    this.stopping.abort(new AppError('SHUTTING_DOWN', { retry_after: 5 }));
    await allSettledWithin(this.running.values(), SETTLE_MS);
  }

  /**
   * Uploads a document if it has changes that are not uploaded. Concurrent calls for the same document share one upload.
   * The schedule retries a failed upload; a failure delays the retry unless the upload was forced.
   * @param isForced true: upload even if another process owns the document, unless that process is uploading it
   * @throws AppError STORAGE_UNAVAILABLE, OVERLOADED, DISK_FULL, SHUTTING_DOWN, INTERNAL when the content is damaged
   */
  upload(ref: DocumentRef, { isForced }: { isForced: boolean }): Promise<UploadOutcome> {
    const name = keyOf(ref);
    const known = this.running.get(name);
    if (known) return known;
    const upload = this.run(ref, isForced).finally(() => this.running.delete(name));
    this.running.set(name, upload);
    return upload;
  }

  private async run(ref: DocumentRef, isForced: boolean): Promise<UploadOutcome> {
    await this.places.acquire();
    try {
      const { signal } = this.stopping;
      signal.throwIfAborted();
      const begun = await this.begin(ref, isForced).catch((error: unknown) => {
        // The failure cannot be counted in the document's row, as the database itself failed.
        this.telemetry.noteFailure(error);
        throw error;
      });
      if (typeof begun === 'string') return begun;
      return await this.complete({ ...begun, signal });
    } finally {
      this.places.release();
    }
  }

  private async begin(
    ref: DocumentRef,
    isForced: boolean,
  ): Promise<Omit<RunningUpload, 'signal'> | 'nothing' | 'superseded'> {
    return this.database.transaction(async (tx) => {
      const claim = this.owner.claim();
      const { now } = claim;
      const document = await this.documents.lock(tx, ref);
      // A running upload is not taken over: two processes could take it from each other and never finish.
      const mayTakeOver = isForced && !(await this.uploads.isUnderWay(tx, ref, now - this.owner.silentMs));
      const ownerToken = await this.documents.claim(tx, ref, claim, { isForced: mayTakeOver });
      if (ownerToken === null || !document) return 'superseded';
      if (isStored(document, document)) {
        await this.uploads.closeUploads(tx, ref);
        this.copies.noteUploaded(ref, contentOf(document));
        return 'nothing';
      }
      const { epoch, version, mark, uploadFailures: failures } = document;
      const key = objectKey(ref, document);
      const begun = { ref, epoch, version, mark, key, ownerToken, readAt: now, failures, isForced };
      await this.uploads.begin(tx, begun, now);
      return { ...begun, contentMark: document.contentMark, contentBytes: document.sizeBytes };
    });
  }

  private async complete(begun: RunningUpload): Promise<UploadOutcome> {
    let upload = begun;
    const lease = this.keepLease(() => upload);
    try {
      const signal = AbortSignal.any([upload.signal, lease.lost]);
      signal.throwIfAborted();
      // If object storage does not answer, `put` alone would wait long after the signal.
      const putting = this.pipeline.put({ ...begun, signal }, async (copied) => {
        upload = await this.relabel(begun, copied);
        return upload;
      });
      const written = await orAborted(putting, signal);
      await this.finish(upload, written);
      return 'uploaded';
    } catch (error) {
      await this.giveUp(upload, error);
      if (upload.signal.aborted) throw upload.signal.reason;
      if (lease.lost.aborted || error instanceof Superseded) return 'superseded';
      await this.fail(upload, error);
      throw error;
    } finally {
      lease.end();
    }
  }

  /** Makes an upload that of the version which the copy has. @throws Superseded when the upload was abandoned */
  private async relabel(upload: RunningUpload, copied: Version): Promise<RunningUpload> {
    if (isSame(upload, copied)) return upload;
    const labelled = { ...upload, ...copied, key: objectKey(upload.ref, copied) };
    if (copied.epoch !== upload.epoch || !(await this.uploads.relabel(upload, labelled)))
      throw new Superseded();
    return labelled;
  }

  /** Makes the object the newest version. @throws Superseded when it cannot; then nothing has changed */
  private async finish(upload: RunningUpload, written: WrittenObject): Promise<void> {
    const { ref, epoch, version, mark } = upload;
    await this.database.transaction(async (tx) => {
      const uploadedAt = this.now();
      const isNewest = await this.uploads.finish(
        tx,
        { ...upload, ...written, uploadedAt },
        uploadDelays(this.config),
      );
      if (!isNewest) throw new Superseded();
      await this.journal.drop(tx, ref, { epoch, version });
      // The last download URLs of the retired versions were made before this commit, so they expire before the sweep.
      await this.uploads.retire(tx, ref, uploadedAt + this.config.downloadUrlTtlSeconds * 1_000);
    });
    this.copies.noteUploaded(ref, { epoch, mark: upload.contentMark });
    // The object may be on the same disk as the copy, which can be spared now.
    await this.copies.room.has(0).catch(() => undefined);
    this.telemetry.noteUploaded(written.sizeBytes);
    const document = { video_id: ref.videoId, database: ref.kind, epoch, server_version: version, mark };
    this.events.publish('document.changed', { accountId: ref.accountId, document });
  }

  private async fail(upload: RunningUpload, error: unknown): Promise<void> {
    this.telemetry.noteFailure(error);
    // The file may be damaged; on PostgreSQL the retry fetches the content from the journal again.
    if (isUnreadable(error))
      await this.copies.discard(upload.ref, { epoch: upload.epoch, mark: upload.contentMark });
    // Downloads force uploads; clients that keep retrying downloads must not delay the schedule's retry.
    if (upload.isForced) return;
    const retryAt = Math.ceil(this.now() + backoffMs(upload.failures));
    await this.database.transaction((tx) => this.uploads.fail(tx, upload, retryAt));
  }

  /** Marks the upload as abandoned, so that other processes do not wait for it and the sweep removes its object. */
  private async giveUp({ ref, key }: BegunUpload, reason: unknown): Promise<void> {
    // If this fails, other processes wait until the upload counts as dead, as after a crash.
    await this.uploads.abandon({ ref, key }, this.now()).catch(() => undefined);
    // The sweep may have deleted the row before the object was written; then nothing else would remove the object.
    if (reason instanceof Superseded) await this.pipeline.remove(key);
  }

  /** Renews this process's ownership of the document until `end`; `lost` aborts when another process takes it over. */
  private keepLease(current: () => BegunUpload): { lost: AbortSignal; end: () => void } {
    const lost = new AbortController();
    const renew = async () => {
      const claim = this.owner.claim();
      const upload = current();
      await this.database.transaction(async (tx) => {
        const ownerToken = await this.documents.claim(tx, upload.ref, claim, { isForced: false });
        if (ownerToken !== upload.ownerToken) throw new Superseded();
        await this.uploads.renew(tx, upload, claim.now);
      });
    };
    const timer = setInterval(() => {
      // Any other failure may be temporary. If another process takes over meanwhile, `finish` notices.
      renew().catch((error: unknown) => error instanceof Superseded && lost.abort(error));
    }, this.owner.renewEveryMs);
    return { lost: lost.signal, end: () => clearInterval(timer) };
  }
}
