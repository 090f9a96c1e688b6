import { createHash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readdir, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { makeDataDir } from '../../foundation/files/data-dir.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DownloadLinks } from '../download-links.js';
import { moveDurably } from '../../foundation/files/durable-move.js';
import { syncToDisk } from '../../foundation/files/sync-to-disk.js';
import { checkKey } from '../storage-key.js';
import { ObjectStorage, type DownloadRequest, type WrittenObject } from '../storage.js';
import { CHUNK_BYTES, holdFailure, translated } from '../streams.js';

/** The folder of files that are still being written; keys contain no '+'. */
const UNFINISHED = '+unfinished';
/** A file that has not grown for this long is removed: its writer died, or will fail when it renames the file. */
const ABANDONED_AFTER_MS = 3_600_000;
const GATHERED_BYTES = 1_048_576;

/** An open object; the caller that opened it closes the handle. */
export interface OpenObject {
  handle: FileHandle;
  sizeBytes: number;
  /** The ETag of these bytes, including the quotes. */
  etag: string;
}

/** Objects as files in a folder; this server serves them by signed links. */
export class FileStorage extends ObjectStorage {
  private constructor(
    private readonly folder: string,
    /** Makes and checks the links to downloads from this storage. */
    readonly links: DownloadLinks,
  ) {
    super();
  }

  /**
   * Opens a folder, creates it if missing, and removes unfinished files that killed processes left.
   * @throws AppStartError when the folder is not writable
   */
  static async open(folder: string, links: DownloadLinks): Promise<FileStorage> {
    const path = resolve(folder);
    const unfinished = join(path, UNFINISHED);
    makeDataDir(path, 'storage folder');
    makeDataDir(unfinished, 'storage folder');
    await removeAbandoned(unfinished);
    return new FileStorage(path, links);
  }

  async write(key: string, body: Readable): Promise<WrittenObject> {
    holdFailure(body);
    const path = this.pathOf(key);
    const unfinished = join(this.folder, UNFINISHED, randomBytes(16).toString('hex'));
    try {
      const written = await fill(unfinished, body);
      await attempt(() => moveDurably(unfinished, path, this.folder));
      return written;
    } catch (error) {
      body.destroy();
      // If this fails, a later start removes the file; report the first error.
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
  }

  async read(key: string): Promise<Readable> {
    const { handle } = await this.openObject(key);
    return translated(handle.createReadStream({ highWaterMark: CHUNK_BYTES }), unavailable);
  }

  async stat(key: string): Promise<{ sizeBytes: number } | null> {
    const path = this.pathOf(key);
    const found = await attempt(() => stat(path).catch(nullIfMissing));
    return found?.isFile() ? { sizeBytes: found.size } : null;
  }

  async remove(key: string): Promise<void> {
    const path = this.pathOf(key);
    await attempt(async () => {
      const isRemoved = (await unlink(path).catch(nullIfMissing)) !== null;
      if (isRemoved) await syncToDisk(dirname(path));
    });
  }

  async downloadUrl(key: string, request: DownloadRequest): Promise<{ url: string; expiresAt: number }> {
    checkKey(key);
    return this.links.make(key, request);
  }

  /** Opens an object for reading; a later replacement does not affect the handle. @throws AppError OBJECT_NOT_FOUND */
  async openObject(key: string): Promise<OpenObject> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
    const path = this.pathOf(key);
    const handle = await attempt(() => open(path, flags).catch(nullIfMissing));
    if (!handle) throw new AppError('OBJECT_NOT_FOUND');
    try {
      const found = await attempt(() => handle.stat({ bigint: true }));
      if (!found.isFile()) throw new AppError('OBJECT_NOT_FOUND');
      const identity = [found.ino, found.mtimeNs, found.size].map((part) => part.toString(36));
      return { handle, sizeBytes: Number(found.size), etag: `"${identity.join('-')}"` };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private pathOf(key: string): string {
    checkKey(key);
    return join(this.folder, key);
  }
}

/** Writes a source to a new file and syncs it to the disk. The source's own error is thrown unchanged. */
async function fill(path: string, body: Readable): Promise<WrittenObject> {
  const handle = await attempt(() => open(path, 'wx', 0o600));
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const piece of gather(body)) {
      hash.update(piece);
      sizeBytes += piece.length;
      await attempt(() => handle.appendFile(piece));
    }
    await attempt(() => handle.sync());
    return { sizeBytes, sha256: hash.digest('hex') };
  } finally {
    await attempt(() => handle.close());
  }
}

/** Joins small chunks, because each write is a round trip to another thread. */
async function* gather(body: Readable): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    if (sizeBytes < GATHERED_BYTES) continue;
    yield Buffer.concat(chunks, sizeBytes);
    [chunks, sizeBytes] = [[], 0];
  }
  if (sizeBytes > 0) yield Buffer.concat(chunks, sizeBytes);
}

async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(nullIfMissing);
    if (found && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error as Error);
  }
}

function nullIfMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
  throw error;
}

const SENTENCES: Record<string, string> = {
  ENOSPC: 'The storage is full.',
  EDQUOT: 'The storage is full.',
  EFBIG: 'The storage does not take files of this size.',
  EACCES: 'The server may not use its storage.',
  EPERM: 'The server may not use its storage.',
  EROFS: 'The storage can only be read.',
};

/** Translates a file error. Clients do not see the path; it is in `cause`, for the operator. */
function unavailable(error: NodeJS.ErrnoException): AppError {
  const detail = SENTENCES[error.code ?? ''] ?? `The storage failed (${error.code ?? error.name}).`;
  return new AppError('STORAGE_UNAVAILABLE', { detail }, { cause: error });
}
