import type { DocumentChanged, LockChanged, SessionTransferred } from '../../../src/protocol/events.js';
import { callEach } from '../light/observable.js';

/** A message of the live connection about documents. */
export type DocumentNews =
  /** The connection is up, for the first time or again; earlier changes were not announced. */
  | { type: 'connected' }
  | { type: 'lock_changed'; event: LockChanged }
  | { type: 'session_transferred'; event: SessionTransferred }
  | { type: 'document_changed'; event: DocumentChanged };

/** Passes the server's messages about documents on to listeners. */
export class DocumentFeed {
  private readonly listeners = new Set<(news: DocumentNews) => void>();

  /** Calls `listener` with every message from now on. @returns a function that stops it */
  watch(listener: (news: DocumentNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  tell(news: DocumentNews): void {
    callEach(this.listeners, news);
  }
}
