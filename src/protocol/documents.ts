/** Ids of videos are the client's own: UUIDs, nanoids and the like. */
export const VIDEO_ID_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

/** Ids of sessions are the client's own: one for each tab or window that edits. */
export const SESSION_ID_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;

/** Who may hold a lock: a person's session, or a job on the server's side that rewrites the document. */
export const LOCK_TYPES = ['client', 'server'] as const;

/** One of the types. */
export type LockType = (typeof LOCK_TYPES)[number];

/** A state of a document's content. Pairs are compared in this order; 0 and 0: there is none yet. */
export interface ContentVersion {
  /** Grows when the whole content is replaced or restored. */
  epoch: number;
  /** Grows with every change within the epoch. */
  server_version: number;
}

/** Who holds a lock. */
export interface LockHolder {
  /** The person: the device itself where accounts are anonymous. Null: a job on the server's side. */
  user_id: string | null;
  /** Null: a job on the server's side. */
  device_id: string | null;
  /** What to call the holder: the device's name, or what the job is called. */
  name: string;
  session_id: string;
}

/** A lock as it travels. */
export interface DocumentLock {
  lock_type: LockType;
  /** Why it was taken, for people; null: not said. */
  reason: string | null;
  holder: LockHolder;
  /** Epoch ms. */
  acquired_at: number;
  /** When it ends unless it is renewed, epoch ms. */
  expires_at: number;
}

/** What is known of a document, without its content. */
export interface DocumentState extends ContentVersion {
  video_id: string;
  /** The document's kind, such as `layout`. */
  database: string;
  /** Whether it has content. */
  exists: boolean;
  /** The newest version in object storage; null: none yet. */
  stored_version: ContentVersion | null;
  /** Null: nobody holds it. */
  lock: (DocumentLock & { mine: boolean }) | null;
  /** Of the content, inflated. */
  size_bytes: number;
  /** When the content last changed, epoch ms; null: there is none. */
  updated_at: number | null;
  /** When it was last brought to object storage, epoch ms; null: never. */
  uploaded_at: number | null;
  /** Scheduled uploads that failed since the last upload that did not. */
  upload_failures: number;
}

/** One version of a document in object storage. */
export interface StoredVersion extends ContentVersion {
  /** Of the gzipped object. */
  size_bytes: number;
  /** Of the gzipped object, in hexadecimal. */
  sha256: string;
  /** Epoch ms. */
  uploaded_at: number;
}
