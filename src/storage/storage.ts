import type { Readable } from 'node:stream';

/** An object that was written. */
export interface WrittenObject {
  sizeBytes: number;
  /** Of its bytes, in hexadecimal. */
  sha256: string;
}

/** What a download URL is made for. */
export interface DownloadRequest {
  /** How long the URL works. */
  ttlMs: number;
  /** What a browser calls the file. */
  fileName: string;
  /** Where this server is reached, such as `https://sync.example.org`; used by drivers whose URLs lead back to it. */
  origin: string;
}

/**
 * Object storage: gzipped databases under keys. Keys are `/`-separated segments of letters, digits, `.`, `_` and `-`,
 * none of them `.` or `..`; anything else is a programming error. Every method throws AppError STORAGE_UNAVAILABLE when
 * the store cannot be reached, is full, or refuses.
 */
export abstract class ObjectStorage {
  /**
   * Replaces an object atomically: readers see the old or the new bytes, never a part, and a source that fails leaves
   * the old one. When it resolves, the store has confirmed that it holds exactly these bytes, durably. What the source
   * itself fails with is thrown as it is; the source is read to its end or destroyed.
   */
  abstract write(key: string, body: Readable): Promise<WrittenObject>;

  /** The object's bytes; the stream fails with STORAGE_UNAVAILABLE when they break off. @throws AppError OBJECT_NOT_FOUND */
  abstract read(key: string): Promise<Readable>;

  /** What the store says of an object; null: it has none under this key. */
  abstract stat(key: string): Promise<{ sizeBytes: number } | null>;

  /** Removes an object; a missing one is ignored, so that retries are safe. */
  abstract remove(key: string): Promise<void>;

  /** An address by which anyone can GET this one object for a while, inflated by browsers. `expiresAt` is epoch ms. */
  abstract downloadUrl(key: string, request: DownloadRequest): Promise<{ url: string; expiresAt: number }>;
}
