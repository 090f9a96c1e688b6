import type { DocumentLock } from './documents.js';
import type { Problem } from './errors.js';
import type { Checkpoint, Timestamp } from './sync.js';

// The messages on the socket (Socket.IO, WebSocket only). A socket belongs to a device, or to a watcher with the link to
// one game. It carries announcements and pings; a device's records travel only by pull and push.
//
//   client                                server
//   handshake auth ──────────────────────▶ refused (`connect_error` whose `data` is a Problem), or
//          ◀────────────────────────────── hello
//   ping { n } ──────────────────────────▶ the clock, read from the database after the ping came in
//   token { access_token } ──────────────▶ the socket lives on until the new token expires
//          ◀────────────────────────────── changes, device_joined, … whenever they happen
//          ◀────────────────────────────── closed (why the server hangs up), then the connection ends

/** What a device sends as the handshake's `auth`. */
export interface DeviceHandshake {
  access_token: string;
  protocol_version: number;
  schema_version: number;
  /** The history that the local data belongs to; null or absent before the first pull. */
  history_id?: string | null;
  /** The newest that any answer told; null or absent: none. */
  checkpoint?: Checkpoint | null;
}

/** What a watcher with the link to one game sends as the handshake's `auth`. */
export interface ShareHandshake {
  share_token: string;
  protocol_version: number;
}

/** The first event on every socket. */
export interface Hello {
  history_id: string;
  /** The server's schema version. */
  schema_version: number;
  protocol_version: number;
  /** The account's clock; for a share, the timestamp of its newest Scoreboard. */
  timestamp: Timestamp;
  /** When the server closes the socket unless the client sends a fresh token, epoch ms; null: never (a share). */
  token_expires_at: number | null;
}

/** A push of another device changed records of the account. */
export interface Changes {
  timestamp: Timestamp;
  /** The device that pushed. */
  device_id: string;
}

/** A device joined the account. */
export interface DeviceJoined {
  device_id: string;
  name: string | null;
}

/** A device of the account was revoked. */
export interface DeviceRevoked {
  device_id: string;
}

/** The lock of a document moved to another session, of the same user or of a user who took it over. */
export interface SessionTransferred {
  video_id: string;
  database: string;
  from_session: string;
  to_session: string;
  /** Null: an operator's job. */
  to_device: string | null;
}

/** A document's lock was taken, renewed or released, or it expired. */
export interface LockChanged {
  video_id: string;
  database: string;
  /** Null: not locked. */
  lock: DocumentLock | null;
}

/** A document's content changed, or a version of it reached object storage. */
export interface DocumentChanged {
  video_id: string;
  database: string;
  epoch: number;
  server_version: number;
}

/** A client's check whether it is up to date; sent about once a second. */
export interface Ping {
  /** The client's counter; it tells the answer to this ping from a late answer to an earlier one. */
  n: number;
}

/** Answer to `ping`. */
export interface Pong {
  n: number;
  /** The same as in Hello. */
  timestamp: Timestamp;
  /** The newest, for a device; absent from older servers. */
  checkpoint?: Checkpoint;
}

/** A fresh access token of the same device, sent over the open socket. */
export interface FreshToken {
  access_token: string;
}

/** Answer to `token`. */
export interface TokenAccepted {
  token_expires_at: number;
}

/** One shared game, sent to its watchers when they connect and whenever it changes. Readers compute the totals. */
export interface Scoreboard {
  /** The account's clock when the server first read this state of the game; grows whenever the game changes. */
  timestamp: Timestamp;
  /** The game's row and the rows below it, by table, in the form of a pull. */
  tables: Record<string, Record<string, unknown>[]>;
}

/** An answer over the socket: the result, or the problem. */
export type SocketAnswer<T> = T | { problem: Problem };

/** The server's events by name. */
export interface ServerEvents {
  hello: (hello: Hello) => void;
  changes: (changes: Changes) => void;
  device_joined: (event: DeviceJoined) => void;
  device_revoked: (event: DeviceRevoked) => void;
  session_transferred: (event: SessionTransferred) => void;
  lock_changed: (event: LockChanged) => void;
  document_changed: (event: DocumentChanged) => void;
  scoreboard: (scoreboard: Scoreboard) => void;
  /** Why the server is about to close the socket. Unless the problem says otherwise, connecting again unchanged fails too. */
  closed: (problem: Problem) => void;
}

/** The clients' events by name; the server answers each. */
export interface ClientEvents {
  ping: (ping: Ping, answer: (pong: SocketAnswer<Pong>) => void) => void;
  token: (token: FreshToken, answer: (accepted: SocketAnswer<TokenAccepted>) => void) => void;
}
