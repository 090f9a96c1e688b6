import type { Readable } from 'node:stream';

/** An object that was written. */
export interface WrittenObject {
  sizeBytes: number;
  /** Of its bytes, in hexadecimal. */
  sha256: string;
}

/** The parameters of a download URL. */
export interface DownloadRequest {
  /** How long the URL works. */
  ttlMs: number;
  /** The name under which a browser saves the file. */
  fileName: string;
  /** This server's address, such as `https://sync.example.org`; for drivers whose URLs point to this server. */
  origin: string;
}

/**
 * Object storage: gzipped databases under keys. Keys are `/`-separated segments of letters, digits, `.`, `_` and `-`,
 * none of them `.` or `..`; anything else is a programming error. Every method throws AppError STORAGE_UNAVAILABLE when
 * the store cannot be reached, is full, or refuses.
 */
export abstract class ObjectStorage {
  /**
   * Replaces an object atomically: readers see the old or the new bytes, never a part; if the source fails, the old
   * object stays. When it resolves, the store has confirmed that it holds exactly these bytes durably. The source's own
   * error is thrown unchanged; the source is read to its end or destroyed.
   */
  abstract write(key: string, body: Readable): Promise<WrittenObject>;

  /** Reads an object; its stream fails with STORAGE_UNAVAILABLE if it breaks off. @throws AppError OBJECT_NOT_FOUND */
  abstract read(key: string): Promise<Readable>;

  /** An object's size in the store; null: no such object. */
  abstract stat(key: string): Promise<{ sizeBytes: number } | null>;

  /** Removes an object; a missing object is ignored, so retries are safe. */
  abstract remove(key: string): Promise<void>;

  /** A URL with which anyone can GET this object until `expiresAt` (epoch ms); browsers inflate the answer. */
  abstract downloadUrl(key: string, request: DownloadRequest): Promise<{ url: string; expiresAt: number }>;
}
