import { Inject, Injectable } from '@nestjs/common';
import type { Actor } from '../auth/actor.js';
import { DeviceAccountsRepository } from '../auth/device-accounts.repository.js';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import { heldAt } from '../locks/lock-rules.js';
import { toDocumentLock, type DocumentRef, type Lock } from '../locks/lock.js';
import { LocksService } from '../locks/locks.service.js';
import type { ContentVersion, DocumentState, LockType } from '../protocol/documents.js';
import { ContentRenewal } from './content/content-renewal.js';
import { ContentService } from './content/content.service.js';
import { DocumentStatesRepository, type ContentState } from './document-states.repository.js';
import { DocumentsRepository, type UploadedVersion } from './documents.repository.js';
import { isMeant, NO_CONTENT, type Version } from './version.js';

/** A session's request for the lock. */
export interface LockRequest {
  type: LockType;
  sessionId: string;
  reason: string | null;
  takeOver: boolean;
  /** Give a document without content its kind's empty tables. */
  create: boolean;
  /** The version that the session has applied; null: none. */
  known: Version | null;
}

/** A granted lock. */
interface GrantedLock {
  lock: Lock;
  /** The content's version. */
  current: Version;
  needsDownload: boolean;
}

/** The state of documents, and their locks. */
@Injectable()
export class DocumentsService {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly states: DocumentStatesRepository,
    private readonly locks: LocksService,
    private readonly devices: DeviceAccountsRepository,
    private readonly content: ContentService,
    private readonly renewal: ContentRenewal,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /** A document's state as the actor sees it; a document that was never written has no content. */
  async state(actor: Actor, ref: DocumentRef): Promise<DocumentState> {
    const { content, lock } = await this.states.find(ref);
    return toState(actor, ref, content, lock && heldAt(this.now(), lock));
  }

  /** An account's documents with content, in the order of video and kind. @param after the last document of the previous page */
  async list(
    actor: Actor,
    after: { videoId: string; kind: string },
    limit: number,
  ): Promise<DocumentState[]> {
    const listed = await this.states.list(actor.accountId, after, limit);
    return listed.map(({ ref, content, lock }) =>
      toState(actor, ref, content, lock && heldAt(this.now(), lock)),
    );
  }

  /** The document's versions in object storage, the newest first. @throws AppError NOT_FOUND */
  async listVersions(ref: DocumentRef): Promise<UploadedVersion[]> {
    if (!(await this.documents.find(ref))) throw noSuchDocument();
    return this.documents.listVersions(ref);
  }

  /**
   * Takes or renews the lock. With it, a content from before live documents becomes one that can merge changes.
   * @throws AppError DEVICE_REVOKED, LOCK_HELD, OPERATOR_ONLY, BAD_REQUEST, QUOTA_EXCEEDED, OVERLOADED; with `create` also
   *   DISK_FULL, SHUTTING_DOWN
   */
  async lock(actor: Actor, ref: DocumentRef, request: LockRequest): Promise<GrantedLock> {
    const { type, sessionId, reason, takeOver, create, known } = request;
    const isOperator = actor.userId === null;
    if (type === 'server' && !isOperator) throw new AppError('OPERATOR_ONLY');
    if (type === 'client' && isOperator) {
      throw new AppError('BAD_REQUEST', { detail: 'The operator’s jobs take locks of type server.' });
    }
    if (type === 'server' && create) {
      throw new AppError('BAD_REQUEST', { detail: 'A job creates a document by writing its content.' });
    }
    const { userId, deviceId, name } = actor;
    const session = { sessionId, userId, deviceId, name: name ?? sessionId };
    const askedAt = this.now();
    const lock = await this.locks.acquire(ref, { type, session, reason, takeOver });
    const [found] = await Promise.all([
      // Read after the lock was granted, so that no other session can write after the read.
      this.states.find(ref),
      this.assertNotRevoked(actor, ref, lock),
    ]);
    let { content } = found;
    // A renewal may come from a session that is about to write over the version it has.
    const isGranted = lock.acquiredAt >= askedAt;
    const isPlain = content?.hasClocks === 0 && type === 'client' && isGranted;
    if (isPlain || (!content && create)) {
      await (isPlain ? this.renewal.tryTo(ref) : this.create(ref, lock, isGranted));
      ({ content } = await this.states.find(ref));
    }
    const current = content ?? NO_CONTENT;
    return {
      lock,
      current,
      needsDownload: content !== null && !(await this.canCatchUp(ref, known, current)),
    };
  }

  /** Creates a document's content. If that fails, a lock that was granted for it is released: nobody was told its token. */
  private async create(ref: DocumentRef, lock: Lock, isGranted: boolean): Promise<void> {
    const { sessionId, userId, deviceId } = lock.holder;
    const { fencingToken } = lock;
    try {
      await this.content.create(ref, { sessionId, userId, deviceId, fencingToken });
    } catch (error) {
      // The same session has asked twice at once.
      if (error instanceof AppError && error.code === 'VERSION_MISMATCH') return;
      if (isGranted) await this.locks.release(ref, sessionId, userId, fencingToken);
      throw error;
    }
  }

  /** Whether a session that has applied a version can go on from it: it is of this epoch, and was given out in it. */
  private async canCatchUp(ref: DocumentRef, known: Version | null, current: Version): Promise<boolean> {
    if (known === null) return false;
    if (isMeant(known, current)) return true;
    if (known.epoch !== current.epoch || known.version < 1 || known.version >= current.version) return false;
    return known.mark === null || known.mark === (await this.documents.findMark(ref, known));
  }

  /**
   * Releases a lock again if its device was revoked while it was granted: the revocation has released the device's locks,
   * maybe just before this one.
   * @throws AppError DEVICE_REVOKED
   */
  private async assertNotRevoked(
    { accountId, deviceId, userId }: Actor,
    ref: DocumentRef,
    lock: Lock,
  ): Promise<void> {
    if (deviceId === null || (await this.devices.find(accountId, deviceId))) return;
    await this.locks.release(ref, lock.holder.sessionId, userId, lock.fencingToken);
    throw new AppError('DEVICE_REVOKED');
  }

  /**
   * Releases the lock if the session holds it.
   * @param fencingToken of the holding that is meant; null: whichever the session has
   * @throws AppError LOCK_OF_ANOTHER
   */
  unlock(actor: Actor, ref: DocumentRef, sessionId: string, fencingToken: number | null): Promise<void> {
    return this.locks.release(ref, sessionId, actor.userId, fencingToken);
  }
}

/** The error for a document without content. */
function noSuchDocument(): AppError {
  return new AppError('NOT_FOUND', { detail: 'There is no such document.' });
}

function toState(
  actor: Actor,
  ref: DocumentRef,
  content: ContentState | null,
  lock: Lock | null,
): DocumentState {
  const { epoch, version, mark } = content ?? NO_CONTENT;
  return {
    video_id: ref.videoId,
    database: ref.kind,
    exists: content !== null,
    epoch,
    server_version: version,
    mark,
    stored_version: content && storedVersion(content),
    lock: lock && { ...toDocumentLock(lock), mine: lock.holder.userId === actor.userId },
    size_bytes: content?.sizeBytes ?? 0,
    updated_at: content?.updatedAt ?? null,
    uploaded_at: content?.uploadedAt ?? null,
    upload_failures: content?.uploadFailures ?? 0,
  };
}

function storedVersion({ storedEpoch, storedVersion, storedMark }: ContentState): ContentVersion | null {
  if (storedEpoch === null || storedVersion === null) return null;
  return { epoch: storedEpoch, server_version: storedVersion, mark: storedMark };
}
