import type { Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DiskSpace } from '../../foundation/files/disk-space.js';
import { isStored, type DocumentsRepository } from '../documents.repository.js';
import type { Copy, CopyCache } from './copy-cache.js';
import type { JournalRepository } from './journal.repository.js';
import { RoomClaims } from './room-claims.js';

/** Keeps the working copies within their limit and the disk's: removes those that can be spared. */
export class CopyRoom {
  private readonly claims = new RoomClaims();

  constructor(
    private readonly cache: CopyCache,
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly disk: DiskSpace,
    private readonly config: Config,
    private readonly now: Now,
  ) {}

  /**
   * Makes room for a copy of `bytes` by removing copies that can be spared, the least recently used first.
   * @throws AppError DISK_FULL
   */
  async make(bytes: number): Promise<void> {
    const needed = this.claims.totalBytes + bytes;
    const isAllowed = () => this.cache.totalBytes + needed <= this.config.maxWorkingCopyBytes;
    if (await this.spare(async () => isAllowed() && !(await this.disk.isShortOf(needed)))) return;
    // Uploads make room. Make them due now, or other accounts would wait until the account that fills the disk pauses.
    await this.documents.hasten(this.now());
    throw new AppError('DISK_FULL', {
      detail: isAllowed()
        ? 'The server’s disk is full: what is left of it is reserved for the database.'
        : 'The room for working copies is taken by documents that are not uploaded yet.',
      retry_after: 60,
    });
  }

  /** Makes room on the disk for a temporary file. @returns false when there is too little that can be spared */
  has(bytes: number): Promise<boolean> {
    const needed = this.claims.totalBytes + bytes;
    return this.spare(async () => !(await this.disk.isShortOf(needed)));
  }

  /**
   * As `make`, for work that takes the room bit by bit: who asks meanwhile finds so much less.
   * @returns a function that ends the claim
   * @throws AppError DISK_FULL
   */
  async claim(bytes: number): Promise<() => void> {
    return (await this.claims.take(bytes, () => this.make(0).then(() => true)))!;
  }

  /** As `has`, for work that takes the room bit by bit. @returns a function that ends the claim; null: there is no room */
  claimDisk(bytes: number): Promise<(() => void) | null> {
    return this.claims.take(bytes, () => this.has(0));
  }

  /** Size of the copies that can be spared, as far as that is known without asking the database. */
  get removableBytes(): number {
    const removable = this.cache.list().filter((copy) => !copy.isPending && !this.cache.isHeld(copy));
    return removable.reduce((bytes, copy) => bytes + copy.sizeBytes, 0);
  }

  /** Removes all copies that can be spared. */
  async spareAll(): Promise<void> {
    await this.spare(async () => false);
  }

  /** Removes copies that can be spared until there is enough room. @returns whether there is */
  private async spare(isEnough: () => Promise<boolean>): Promise<boolean> {
    if (await isEnough()) return true;
    for (const copy of this.cache.list()) {
      // Skip pending copies without a query: on a full disk each write would run a query for every document.
      if (copy.isPending || this.cache.isHeld(copy)) continue;
      if ((await this.standingOf(copy)) !== 'dispensable') continue;
      // An upload may have taken hold of the copy during the query.
      if (this.cache.isHeld(copy)) continue;
      await this.cache.remove(copy);
      if (await isEnough()) return true;
    }
    return false;
  }

  /**
   * Whether a copy can be spared. With a journal it always can, as content that is not uploaded can be fetched from there.
   * Without one it is needed until object storage has the content (`pending`), and while the database may not know it yet,
   * or no longer (`unknown`).
   */
  async standingOf({ ref, epoch, mark }: Copy): Promise<'unknown' | 'pending' | 'dispensable'> {
    if (this.journal.hasContents) return 'dispensable';
    const document = await this.documents.find(ref);
    if (document && epoch < document.epoch) return 'dispensable';
    if (document?.epoch !== epoch || document.contentMark !== mark) return 'unknown';
    return isStored(document, document) ? 'dispensable' : 'pending';
  }
}
