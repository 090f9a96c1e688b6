import { Inject, Injectable } from '@nestjs/common';
import type { Actor } from '../auth/actor.js';
import { DeviceAccountsRepository } from '../auth/device-accounts.repository.js';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import { heldAt } from '../locks/lock-rules.js';
import { toDocumentLock, type DocumentRef, type Lock } from '../locks/lock.js';
import { LocksService } from '../locks/locks.service.js';
import type { ContentVersion, DocumentState, LockType } from '../protocol/documents.js';
import { DocumentStatesRepository, type ContentState } from './document-states.repository.js';
import { DocumentsRepository, type UploadedVersion } from './documents.repository.js';
import { isMeant, NO_CONTENT, type Version } from './version.js';

/** A session's request for the lock. */
export interface LockRequest {
  type: LockType;
  sessionId: string;
  reason: string | null;
  takeOver: boolean;
  /** The version that the session has; null: none. */
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

  /** Takes or renews the lock. @throws AppError DEVICE_REVOKED, LOCK_HELD, OPERATOR_ONLY, BAD_REQUEST, QUOTA_EXCEEDED, OVERLOADED */
  async lock(actor: Actor, ref: DocumentRef, request: LockRequest): Promise<GrantedLock> {
    const { type, sessionId, reason, takeOver, known } = request;
    const isOperator = actor.userId === null;
    if (type === 'server' && !isOperator) throw new AppError('OPERATOR_ONLY');
    if (type === 'client' && isOperator) {
      throw new AppError('BAD_REQUEST', { detail: 'The operator’s jobs take locks of type server.' });
    }
    const { userId, deviceId, name } = actor;
    const session = { sessionId, userId, deviceId, name: name ?? sessionId };
    const lock = await this.locks.acquire(ref, { type, session, reason, takeOver });
    const [{ content }] = await Promise.all([
      // Read after the lock was granted, so that no other session can write after the read.
      this.states.find(ref),
      this.assertNotRevoked(actor, ref, lock),
    ]);
    const current = content ?? NO_CONTENT;
    const isKnown = known !== null && isMeant(known, current);
    return { lock, current, needsDownload: content !== null && !isKnown };
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
