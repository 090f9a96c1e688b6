import type { Problem } from './errors.js';

/** Video ids are chosen by the client: UUIDs, nanoids and the like. */
export const VIDEO_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Session ids are chosen by the client: one for each tab or window that edits. */
export const SESSION_ID_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;

/** The types of lock: `client` for a person's session, `server` for an operator's job that rewrites the document. */
export const LOCK_TYPES = ['client', 'server'] as const;

/** One type of lock. */
export type LockType = (typeof LOCK_TYPES)[number];

/** A version of a document's content; the epoch is compared first. Both 0: no content yet. */
export interface ContentVersion {
  /** Grows when the whole content is replaced or restored. */
  epoch: number;
  /** Grows with every change within the epoch. */
  server_version: number;
  /**
   * Random and new with each version, so that numbers that are used twice (the server's data was put back to an earlier
   * state) are told apart. Null: not known. Servers of earlier versions leave it out.
   */
  mark?: string | null;
}

/** Who holds a lock. */
export interface LockHolder {
  /** The user; with anonymous accounts, the device. Null: an operator's job. */
  user_id: string | null;
  /** Null: an operator's job. */
  device_id: string | null;
  /** A name for people: the device's or the job's. */
  name: string;
  session_id: string;
}

/** A lock as clients see it. */
export interface DocumentLock {
  lock_type: LockType;
  /** Why it was taken, for people; null: no reason given. */
  reason: string | null;
  holder: LockHolder;
  /** Epoch ms. */
  acquired_at: number;
  /** When it ends unless it is renewed, epoch ms. */
  expires_at: number;
}

/** A document's state, without its content. */
export interface DocumentState extends ContentVersion {
  video_id: string;
  /** The document's kind, such as `layout`. */
  database: string;
  /** Whether it has content. */
  exists: boolean;
  /** The newest version in object storage; null: none yet. */
  stored_version: ContentVersion | null;
  /** Null: not locked. */
  lock: (DocumentLock & { mine: boolean }) | null;
  /** Size of the content before compression. */
  size_bytes: number;
  /** When the content last changed, epoch ms; null: no content. */
  updated_at: number | null;
  /** Time of the last upload to object storage, epoch ms; null: never. */
  uploaded_at: number | null;
  /** How many scheduled uploads failed since the last successful one. */
  upload_failures: number;
}

/** One version of a document in object storage. */
export interface StoredVersion extends ContentVersion {
  /** Size of the gzipped object. */
  size_bytes: number;
  /** Hash of the gzipped object, in hexadecimal. */
  sha256: string;
  /** Epoch ms. */
  uploaded_at: number;
}

// The messages on a document's own socket, the namespace `/videos/{id}/sync/{db}` (Socket.IO, WebSocket only). A cursor is
// a `server_version`: what a client has of the server's content. The bodies of `sync` and `changes` are written by
// `changes-codec.ts`.
//
//   client                                server
//   handshake auth ──────────────────────▶ refused (`connect_error` whose `data` is a Problem), or
//          ◀────────────────────────────── hello
//          ◀────────────────────────────── changes, answered after the client's COMMIT
//   sync (a body) ───────────────────────▶ answered after the server's COMMIT
//   ping, hold, token ───────────────────▶ answered
//          ◀────────────────────────────── session_transferred, lock_lost: the client only watches from here on
//          ◀────────────────────────────── closed (why the server hangs up), then the connection ends

/** Version of the messages on a document's socket. */
export const LIVE_PROTOCOL_VERSION = 1;

/** Limits of a document's socket. */
export const LIVE_LIMITS = {
  /** Rows in the body of one `sync`. */
  maxBatchRows: 4_000,
  /** Bytes of the body of one `sync`. */
  maxBatchBytes: 1_048_576,
  /** Bytes of one cell that travels. */
  maxCellBytes: 1_000_000,
  /** `sync` of one client that wait for their answer. */
  maxUnansweredSync: 4,
  /** `changes` to one client that wait for their answer. */
  maxUnansweredChanges: 2,
} as const;

/** A site id on the wire: 16 bytes in hexadecimal. */
export const SITE_ID_PATTERN = /^[0-9a-f]{32}$/;

/** Whether the client of a document's socket may write. */
export type LiveRole = 'holder' | 'watcher';

/** What a client sends as the handshake's `auth` of a document's socket. */
export interface LiveHandshake {
  access_token: string;
  /** LIVE_PROTOCOL_VERSION. */
  protocol_version: number;
  session_id: string;
  /** Of the lock that this session holds; null: only to watch. */
  fencing_token: number | null;
  /** `user_version` of the client's copy. */
  schema_version: number;
  epoch: number;
  /** The cursor. */
  since: number;
  /** Mark of the version `since`; null or absent: not known. */
  since_mark?: string | null;
  /** The newest version that acknowledged a batch of this copy; null or absent: none. */
  answered?: number | null;
  /** Mark of the version `answered`. */
  answered_mark?: string | null;
  /** The copy's own site id. */
  site_id: string;
}

/** The first event on a document's socket. */
export interface LiveHello {
  protocol_version: number;
  /** Of the document's kind. */
  schema_version: number;
  epoch: number;
  server_version: number;
  /** Mark of `server_version`; null: not known. */
  mark: string | null;
  /** The server's site id in this document; the same as in the downloaded copy. */
  server_site_id: string;
  role: LiveRole;
  /** When the lock ends unless it is renewed, epoch ms; null: a watcher. */
  lock_expires_at: number | null;
  /** When the server closes the socket unless the client sends a fresh token, epoch ms. */
  token_expires_at: number;
  /** What follows as `changes`: rows exact, bytes estimated. */
  ahead: { rows: number; bytes: number };
}

/** Answer to `sync`, after the COMMIT. */
export interface SyncAccepted {
  /** The version before. */
  previous: number;
  /** The version that the batch made; `previous`: the batch changed nothing. */
  server_version: number;
  /** Mark of `server_version`. */
  mark: string | null;
}

/** The head of `changes`; the body follows as bytes. */
export interface LiveChanges {
  /** The range (from, to] of versions. */
  from: number;
  to: number;
  /** Mark of `to`. */
  mark: string | null;
  /** What follows after this one. */
  rows_left: number;
  bytes_left: number;
}

/** A client's answer to `changes`, after its COMMIT. */
export interface ChangesApplied {
  up_to: number;
}

/** Makes a watcher's socket the holder's, when its session has been granted the lock. */
export interface Hold {
  fencing_token: number;
}

/** Answer to `hold`. */
export interface HoldAccepted {
  role: LiveRole;
  /** Epoch ms. */
  expires_at: number;
}

/** Answer to `ping`, read after the ping came in. */
export interface LivePong {
  n: number;
  epoch: number;
  server_version: number;
  role: LiveRole;
}

/** The lock went to another session; from here on this socket watches. */
export interface LiveSessionTransferred {
  to_session: string;
  /** Null: an operator's job. */
  to_device: string | null;
}

/** The lock is free again, and this session no longer holds it; from here on this socket watches. */
export interface LockLost {
  reason: 'expired' | 'released';
}

/** The server's events on a document's socket by name. */
export interface LiveServerEvents {
  hello: (hello: LiveHello) => void;
  changes: (
    changes: LiveChanges,
    body: Uint8Array,
    answer: (applied: ChangesApplied | { problem: Problem }) => void,
  ) => void;
  session_transferred: (event: LiveSessionTransferred) => void;
  lock_lost: (event: LockLost) => void;
  /** Why the server is about to close the socket. */
  closed: (problem: Problem) => void;
}

/** The clients' events on a document's socket by name; the server answers each. */
export interface LiveClientEvents {
  sync: (body: Uint8Array, answer: (accepted: SyncAccepted | { problem: Problem }) => void) => void;
  hold: (hold: Hold, answer: (accepted: HoldAccepted | { problem: Problem }) => void) => void;
  ping: (ping: { n: number }, answer: (pong: LivePong | { problem: Problem }) => void) => void;
  token: (
    token: { access_token: string },
    answer: (accepted: { token_expires_at: number } | { problem: Problem }) => void,
  ) => void;
}
