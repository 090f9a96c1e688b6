import { Inject, Injectable } from '@nestjs/common';
import type { Actor } from '../auth/actor.js';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { AppError } from '../foundation/errors/app-error.js';
import { heldAt } from '../locks/lock-rules.js';
import { toDocumentLock, type DocumentRef, type Lock } from '../locks/lock.js';
import { LocksService } from '../locks/locks.service.js';
import type { ContentVersion, DocumentState, LockType } from '../protocol/documents.js';
import { DocumentStatesRepository, type ContentState } from './document-states.repository.js';
import { DocumentsRepository, type Pair, type UploadedVersion } from './documents.repository.js';

/** A session's request for the lock. */
export interface LockRequest {
  type: LockType;
  sessionId: string;
  reason: string | null;
  takeOver: boolean;
  /** The version that the session has; null: none. */
  known: { epoch: number | null; version: number | null };
}

/** A granted lock. */
interface GrantedLock {
  lock: Lock;
  /** The content's version. */
  current: Pair;
  needsDownload: boolean;
}

/** The version of a document without content. */
export const NO_CONTENT: Pair = { epoch: 0, version: 0 };

/** The state of documents, and their locks. */
@Injectable()
export class DocumentsService {
  constructor(
    private readonly documents: DocumentsRepository,
    private readonly states: DocumentStatesRepository,
    private readonly locks: LocksService,
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

  /** Takes or renews the lock. @throws AppError LOCK_HELD, OPERATOR_ONLY, BAD_REQUEST, QUOTA_EXCEEDED, OVERLOADED */
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
    // Read after the lock was granted, so that no other session can write after the read.
    const { content } = await this.states.find(ref);
    const current = content ?? NO_CONTENT;
    const isKnown = known.epoch === current.epoch && known.version === current.version;
    return {
      lock,
      current: { epoch: current.epoch, version: current.version },
      needsDownload: content !== null && !isKnown,
    };
  }

  /** Releases the lock if the session holds it. @throws AppError LOCK_OF_ANOTHER */
  unlock(actor: Actor, ref: DocumentRef, sessionId: string): Promise<void> {
    return this.locks.release(ref, sessionId, actor.userId);
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
  const { epoch, version } = content ?? NO_CONTENT;
  return {
    video_id: ref.videoId,
    database: ref.kind,
    exists: content !== null,
    epoch,
    server_version: version,
    stored_version: content && storedVersion(content),
    lock: lock && { ...toDocumentLock(lock), mine: lock.holder.userId === actor.userId },
    size_bytes: content?.sizeBytes ?? 0,
    updated_at: content?.updatedAt ?? null,
    uploaded_at: content?.uploadedAt ?? null,
    upload_failures: content?.uploadFailures ?? 0,
  };
}

function storedVersion({ storedEpoch, storedVersion }: ContentState): ContentVersion | null {
  if (storedEpoch === null || storedVersion === null) return null;
  return { epoch: storedEpoch, server_version: storedVersion };
}
