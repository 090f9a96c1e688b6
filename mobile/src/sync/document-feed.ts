import type { DocumentChanged, LockChanged, SessionTransferred } from '../../../src/protocol/events.js';

/** What the live connection tells about documents. */
export type DocumentNews =
  /** It is up, for the first time or again: what happened before was not told. */
  | { type: 'connected' }
  | { type: 'lock_changed'; event: LockChanged }
  | { type: 'session_transferred'; event: SessionTransferred }
  | { type: 'document_changed'; event: DocumentChanged };

/** Hands on what the server tells of documents. */
export class DocumentFeed {
  private readonly listeners = new Set<(news: DocumentNews) => void>();

  /** Calls `listener` with all that is told from now on. @returns how to stop it */
  watch(listener: (news: DocumentNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(news: DocumentNews): void {
    for (const listener of [...this.listeners]) listener(news);
  }
}
