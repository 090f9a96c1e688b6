import type { DocumentLock } from './documents.js';
import type { Problem } from './errors.js';
import type { Timestamp } from './sync.js';

// What travels over the socket (Socket.IO, WebSocket only). A socket belongs to a device, or to someone who was given
// the link to one game. It announces and proves; records themselves travel by pull and push alone.
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
  /** Of the history the local data belongs to; null or absent before the first pull. */
  history_id?: string | null;
}

/** What someone with a link to one game sends as the handshake's `auth`. */
export interface ShareHandshake {
  share_token: string;
  protocol_version: number;
}

/** The first event on every socket. */
export interface Hello {
  history_id: string;
  /** The server's. */
  schema_version: number;
  protocol_version: number;
  /** The account's clock. For a share: as in its newest Scoreboard. */
  timestamp: Timestamp;
  /** When the server will hang up unless it is sent a fresh token, epoch ms; null: never (a share). */
  token_expires_at: number | null;
}

/** Records of the account were changed by a push of another device. */
export interface Changes {
  timestamp: Timestamp;
  /** The device that pushed. */
  device_id: string;
}

/** One more device belongs to the account. */
export interface DeviceJoined {
  device_id: string;
  name: string | null;
}

/** A device no longer belongs to the account. */
export interface DeviceRevoked {
  device_id: string;
}

/** The lock of a document went from one session to another: of the same user, or of one who took over. */
export interface SessionTransferred {
  video_id: string;
  database: string;
  from_session: string;
  to_session: string;
  /** Null: a job on the server's side. */
  to_device: string | null;
}

/** A document was locked, its lock renewed or released, or the lock ran out. */
export interface LockChanged {
  video_id: string;
  database: string;
  /** Null: nobody holds it. */
  lock: DocumentLock | null;
}

/** A document's content changed, or a version of it reached object storage. */
export interface DocumentChanged {
  video_id: string;
  database: string;
  epoch: number;
  server_version: number;
}

/** A client's question whether it has everything; sent about once a second. */
export interface Ping {
  /** The client's own count, so that an answer is told from a late one. */
  n: number;
}

/** Answer to `ping`. */
export interface Pong {
  n: number;
  /** As in Hello. */
  timestamp: Timestamp;
}

/** A fresh access token of the same device, over the open socket. */
export interface FreshToken {
  access_token: string;
}

/** Answer to `token`. */
export interface TokenAccepted {
  token_expires_at: number;
}

/** One shared game as its watchers get it: on connecting, and whenever it has changed. Totals are the reader's to compute. */
export interface Scoreboard {
  /** The account's clock when the server first saw the game as it is here; grows whenever the game changes. */
  timestamp: Timestamp;
  /** The game's row and those it owns, table by table, as a pull would bring them. */
  tables: Record<string, Record<string, unknown>[]>;
}

/** An answer over the socket: what was asked for, or why not. */
export type SocketAnswer<T> = T | { problem: Problem };

/** What the server sends, by the event's name. */
export interface ServerEvents {
  hello: (hello: Hello) => void;
  changes: (changes: Changes) => void;
  device_joined: (event: DeviceJoined) => void;
  device_revoked: (event: DeviceRevoked) => void;
  session_transferred: (event: SessionTransferred) => void;
  lock_changed: (event: LockChanged) => void;
  document_changed: (event: DocumentChanged) => void;
  scoreboard: (scoreboard: Scoreboard) => void;
  /** Why the server is about to hang up; connecting again unchanged would fail the same way, unless it says otherwise. */
  closed: (problem: Problem) => void;
}

/** What clients send, by the event's name; every one is answered. */
export interface ClientEvents {
  ping: (ping: Ping, answer: (pong: SocketAnswer<Pong>) => void) => void;
  token: (token: FreshToken, answer: (accepted: SocketAnswer<TokenAccepted>) => void) => void;
}
