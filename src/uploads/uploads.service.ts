import { rm } from 'node:fs/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../foundation/config/config.module.js';
import type { Config } from '../foundation/config/config.js';
import { Database } from '../foundation/database/database.js';
import { Semaphore } from '../foundation/flow/semaphore.js';
import { DocumentsRepository, isStored } from '../documents/documents.repository.js';
import { asDiskFull } from '../foundation/files/disk-full.js';
import { SqliteWorkers } from '../documents/import/sqlite-workers.js';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { DocumentOwner } from '../documents/owner.js';
import { WorkingCopies, type HeldCopy } from '../documents/content/working-copies.js';
import { AppError } from '../foundation/errors/app-error.js';
import { EventBus } from '../foundation/events/event-bus.js';
import { keyOf, type DocumentRef } from '../locks/lock.js';
import { ObjectStorage, type WrittenObject } from '../storage/storage.js';
import { backoffMs } from '../foundation/flow/backoff.js';
import { objectKey } from './object-key.js';
import { putPacked } from './put-packed.js';
import { orAborted } from '../foundation/flow/or-aborted.js';
import { allSettledWithin } from '../foundation/flow/all-settled.js';
import { UploadsTelemetry } from './uploads-telemetry.js';
import { UploadsRepository, type BegunUpload } from './uploads.repository.js';

const MINUTE_MS = 60_000;
const PERMIT_WAIT_MS = 10 * MINUTE_MS;
const SETTLE_MS = 2_000;

/** How an upload went: `superseded` when it was another process's, or became so. */
export type UploadOutcome = 'uploaded' | 'nothing' | 'superseded';

interface RunningUpload extends BegunUpload {
  /** Epoch ms. */
  readAt: number;
  /** How often the schedule's uploads had failed before. */
  failures: number;
  isForced: boolean;
  /** Of the content. */
  contentBytes: number;
  signal: AbortSignal;
}

/** Brings documents to object storage. */
@Injectable()
export class UploadsService implements OnModuleDestroy {
  private readonly running = new Map<string, Promise<UploadOutcome>>();
  private readonly permits: Semaphore;
  private readonly stopping = new AbortController();

  constructor(
    private readonly database: Database,
    private readonly documents: DocumentsRepository,
    private readonly uploads: UploadsRepository,
    private readonly journal: JournalRepository,
    private readonly copies: WorkingCopies,
    private readonly workers: SqliteWorkers,
    private readonly storage: ObjectStorage,
    private readonly owner: DocumentOwner,
    private readonly telemetry: UploadsTelemetry,
    private readonly events: EventBus,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {
    this.permits = new Semaphore(config.uploadsAtOnce, PERMIT_WAIT_MS);
  }

  /** Ends what is under way; what is not uploaded stays due, and other processes may have it at once. */
  async onModuleDestroy(): Promise<void> {
    await this.stop();
    // Where that fails, leases run out by themselves.
    await this.database
      .transaction((tx) => this.uploads.releaseOwner(tx, this.owner.id))
      .catch(() => undefined);
  }

  /** Breaks off what is under way; nothing is uploaded any more. */
  async stop(): Promise<void> {
    this.stopping.abort(new AppError('SHUTTING_DOWN', { retry_after: 5 }));
    await allSettledWithin(this.running.values(), SETTLE_MS);
  }

  /**
   * Uploads a document if it has anything to upload; calls for the same document at the same time share one upload. A
   * failure will be retried by the schedule, and puts that off unless the upload was forced.
   * @param isForced also when another process owns the document, unless that is uploading it just now
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
    await this.permits.acquire();
    try {
      const { signal } = this.stopping;
      signal.throwIfAborted();
      const begun = await this.begin(ref, isForced).catch((error: unknown) => {
        const reason = asDiskFull(error);
        // The database cannot count it: it is what failed.
        this.telemetry.noteFailure(reason);
        throw reason;
      });
      if (typeof begun === 'string') return begun;
      return await this.complete({ ...begun, signal });
    } finally {
      this.permits.release();
    }
  }

  private async begin(
    ref: DocumentRef,
    isForced: boolean,
  ): Promise<Omit<RunningUpload, 'signal'> | 'nothing' | 'superseded'> {
    return this.database.transaction(async (tx) => {
      const now = this.now();
      const expiresAt = now + this.owner.leaseMs;
      const before = await this.documents.lock(tx, ref);
      // An upload that lives is waited for: two processes that took it from each other would never finish.
      const isNeeded = isForced && !(await this.uploads.isUnderWay(tx, ref, now - this.owner.silentMs));
      const claim = { ownerId: this.owner.id, now, expiresAt, isForced: isNeeded };
      const ownerToken = await this.documents.claim(tx, ref, claim);
      const document = ownerToken === null ? null : before;
      if (ownerToken === null || !document) return 'superseded';
      if (isStored(document, document)) {
        await this.uploads.closeUploads(tx, ref);
        this.copies.noteUploaded(ref, document.epoch);
        return 'nothing';
      }
      const { epoch, version, uploadFailures: failures } = document;
      const key = objectKey(ref, document);
      const begun = { ref, epoch, version, key, ownerToken, readAt: now, failures, isForced };
      await this.uploads.begin(tx, begun, now);
      return { ...begun, contentBytes: document.sizeBytes };
    });
  }

  private async complete(upload: RunningUpload): Promise<UploadOutcome> {
    const lease = this.keepLease(upload);
    try {
      const signal = AbortSignal.any([upload.signal, lease.lost]);
      signal.throwIfAborted();
      // A store that is silent would go on waiting for its answer.
      const written = await orAborted(this.put({ ...upload, signal }), signal);
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

  private async put({ ref, epoch, key, contentBytes, signal }: RunningUpload): Promise<WrittenObject> {
    const snapshot = this.copies.incoming();
    try {
      const copy = await this.hold(ref, epoch, contentBytes);
      await this.workers
        .snapshot(copy.path, snapshot)
        .catch(failUnreadable)
        .finally(() => copy.release());
      signal.throwIfAborted();
      const checked = this.workers.check(snapshot).catch(failUnreadable);
      return await putPacked(this.storage, key, snapshot, checked, signal);
    } finally {
      await rm(snapshot, { force: true });
    }
  }

  private async hold(ref: DocumentRef, epoch: number, sizeBytes: number): Promise<HeldCopy> {
    try {
      return await this.copies.hold(ref, epoch, sizeBytes);
    } catch (error) {
      const document = await this.documents.find(ref);
      // Replaced since, and with it the copy: what took its place is due by itself. Or uploaded by another process, and with
      // that gone from the journal.
      if (document?.epoch !== epoch || isStored(document, document)) throw new Superseded();
      throw error;
    }
  }

  /** @throws Superseded when the object is not the newest; it does not become a version then */
  private async finish(upload: RunningUpload, written: WrittenObject): Promise<void> {
    const { ref, epoch, version } = upload;
    await this.database.transaction(async (tx) => {
      const uploadedAt = this.now();
      const isNewest = await this.uploads.finish(tx, { ...upload, ...written, uploadedAt }, this.dueAfter);
      if (!isNewest) throw new Superseded();
      await this.journal.drop(tx, ref, { epoch, version });
      // URLs of these versions were last given out before this commit.
      await this.uploads.retire(tx, ref, uploadedAt + this.config.downloadUrlTtlSeconds * 1_000);
    });
    this.copies.noteUploaded(ref, epoch);
    this.telemetry.noteUploaded(written.sizeBytes);
    const document = { video_id: ref.videoId, database: ref.kind, epoch, server_version: version };
    this.events.publish('document.changed', { accountId: ref.accountId, document });
  }

  private async fail(upload: RunningUpload, error: unknown): Promise<void> {
    this.telemetry.noteFailure(error);
    // The copy may be what is damaged.
    if (isUnreadable(error)) await this.copies.discard(upload.ref, upload.epoch);
    // People who try again and again would put the schedule off by an hour.
    if (upload.isForced) return;
    const retryAt = Math.ceil(this.now() + backoffMs(upload.failures));
    await this.database.transaction((tx) => this.uploads.fail(tx, upload, retryAt));
  }

  /** Leaves to the sweep what may be there of the object, so that nobody waits for the upload any more. */
  private async giveUp({ ref, key }: BegunUpload, reason: unknown): Promise<void> {
    // Where this fails others wait for a moment, as after a process that was killed.
    await this.uploads.abandon({ ref, key }, this.now()).catch(() => undefined);
    // The sweep may have been there before the object was.
    if (reason instanceof Superseded) await this.storage.remove(key).catch(() => undefined);
  }

  private get dueAfter(): { idleMs: number; checkpointMs: number } {
    return {
      idleMs: this.config.uploadIdleMinutes * MINUTE_MS,
      checkpointMs: this.config.uploadCheckpointMinutes * MINUTE_MS,
    };
  }

  /** Renews the owner's lease until `end`; `lost` aborts when another process has become the owner. */
  private keepLease(upload: BegunUpload): { lost: AbortSignal; end: () => void } {
    const lost = new AbortController();
    const renew = async () => {
      const now = this.now();
      const expiresAt = now + this.owner.leaseMs;
      const claim = { ownerId: this.owner.id, now, expiresAt, isForced: false };
      await this.database.transaction(async (tx) => {
        if ((await this.documents.claim(tx, upload.ref, claim)) !== upload.ownerToken) throw new Superseded();
        await this.uploads.renew(tx, upload, now);
      });
    };
    const timer = setInterval(() => {
      // Any other failure may pass; whoever takes over meanwhile, the commit at the end notices.
      renew().catch((error: unknown) => error instanceof Superseded && lost.abort(error));
    }, this.owner.renewEveryMs);
    return { lost: lost.signal, end: () => clearInterval(timer) };
  }
}

/** Another process owns the document, or has stored what is newer: what was done is rolled back. */
class Superseded extends Error {
  override readonly name = 'Superseded';
}

function isUnreadable(error: unknown): boolean {
  return error instanceof AppError && error.code === 'INTERNAL';
}

function failUnreadable(error: unknown): never {
  if (error instanceof AppError) throw error;
  const detail = 'The content of a document cannot be read; its file may be damaged.';
  throw new AppError('INTERNAL', { detail }, { cause: error });
}
