import { statfs } from 'node:fs/promises';
import { mayBeDiskFull } from './disk-full.js';

/** Of a small disk at most this part is reserved. */
const MAX_RESERVED_PART = 1 / 8;

/** The disk of the data folder, in bytes. */
interface DiskUsage {
  sizeBytes: number;
  freeBytes: number;
  /** Of the free bytes, those that are kept for the database. */
  reservedBytes: number;
}

/** Removes files that can be spared. */
type Reclaim = () => Promise<void>;

/**
 * The disk of the data folder. Large files leave RESERVED_DISK_BYTES of it free, so that the database can always write;
 * and when it is full all the same, as other programs may fill it, whatever can be spared is removed.
 */
export class DiskSpace {
  private readonly reclaims: Reclaim[] = [];

  constructor(private readonly config: { dataDir: string; reservedDiskBytes: number }) {}

  /** Adds what to do when the disk is full; it must not wait for a write of the database, which may be waiting for it. */
  whenFull(reclaim: Reclaim): void {
    this.reclaims.push(reclaim);
  }

  /** Reads the usage; null: the file system does not tell it, as some network file systems. @throws Error of the system */
  async usage(): Promise<DiskUsage | null> {
    const { bsize, blocks, bavail } = await statfs(this.config.dataDir);
    if (blocks === 0) return null;
    const sizeBytes = blocks * bsize;
    const reservedBytes = Math.min(this.config.reservedDiskBytes, Math.floor(sizeBytes * MAX_RESERVED_PART));
    return { sizeBytes, freeBytes: bavail * bsize, reservedBytes };
  }

  /** Whether so many more bytes would take what is reserved; if the usage cannot be read, the write will tell. */
  async isShortOf(bytes: number): Promise<boolean> {
    const usage = await this.usage().catch(() => null);
    return usage !== null && usage.freeBytes - bytes < usage.reservedBytes;
  }

  /** Does work that writes to the disk. If the disk is full, removes what can be spared and does the work once more. */
  async orReclaim<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!mayBeDiskFull(error)) throw error;
      for (const reclaim of this.reclaims) await reclaim();
      return work();
    }
  }
}
