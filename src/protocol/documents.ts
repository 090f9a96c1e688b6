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
