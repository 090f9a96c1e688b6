import type { DefaultEventsMap, Namespace, Socket } from 'socket.io';
import type { SocketSession } from '../../auth/socket-session.js';
import type { DocumentRef } from '../../locks/lock.js';
import type { LiveClientEvents, LiveServerEvents } from '../../protocol/documents.js';

/** The client behind a document's socket. */
export interface LivePeer {
  ref: DocumentRef;
  session: SocketSession;
  /** The tab or window that edits. */
  sessionId: string;
  /** Identity of the client's copy, 32 hex digits. */
  siteId: string;
}

/** A socket of a document's namespace. */
export type LiveSocket = Socket<LiveClientEvents, LiveServerEvents, DefaultEventsMap>;

/** All documents' namespaces. */
export type LiveNamespaces = Namespace<LiveClientEvents, LiveServerEvents, DefaultEventsMap>;
