import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { makeDataDir } from '../../foundation/files/data-dir.js';
import { DiskSpace } from '../../foundation/files/disk-space.js';
import { FolderLock } from '../../foundation/files/folder-lock.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { AppStartError } from '../../foundation/errors/app-start-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { moveDurably } from '../../foundation/files/durable-move.js';
import { syncToDisk } from '../../foundation/files/sync-to-disk.js';
import { DocumentsRepository, isStored } from '../documents.repository.js';
import { NO_CONTENT, type Version } from '../version.js';
import { inflateTo, UNLIMITED } from '../import/inflate.js';
import { CopyCache, type Copy, type HeldCopy } from './copy-cache.js';
import { JournalRepository } from './journal.repository.js';

const INCOMING = 'incoming';
const COPY_NAME = /^([0-9a-f]+)[/\\]([0-9a-f]+)[/\\]([a-z0-9_]+)[/\\](\d+)(?:-([0-9a-f]{16}))?\.db$/;

/** The content of a working copy: an epoch begins with each, and its mark tells it from an epoch that the database has lost. */
type Content = Pick<Version, 'epoch' | 'mark'>;

/**
 * The folder of this process's working copies, one file for each content of a document. Folder names are ids in
 * hexadecimal: ids may differ only in case, which some file systems ignore.
 */
@Injectable()
export class WorkingCopies implements OnModuleInit, OnModuleDestroy {
  private readonly cache = new CopyCache();
  /** Running fetches by path. */
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly logger = new Logger('WorkingCopies');
  private root = '';
  private lock?: FolderLock;

  constructor(
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly disk: DiskSpace,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) private readonly now: Now,
  ) {}

  async onModuleInit(): Promise<void> {
    const { folder, lock } = this.takeFolder();
    this.root = folder;
    this.lock = lock;
    await rm(this.incomingFolder, { recursive: true, force: true });
    await mkdir(this.incomingFolder, { recursive: true, mode: 0o700 });
    await this.findCopies();
    this.disk.whenFull(async () => void (await this.spare(async () => false)));
  }

  async onModuleDestroy(): Promise<void> {
    // So that the next start finds room, also if it is of a new version that changes the database.
    await this.hasRoom(0).catch(() => undefined);
    this.lock?.release();
  }

  /** A new path for a temporary file; the next start removes files left behind at such paths. */
  incoming(): string {
    return join(this.incomingFolder, randomBytes(12).toString('hex'));
  }

  /**
   * Holds the working copy of one content; fetches it from the journal if this folder does not have it.
   * @param sizeBytes the file's right size: after a power cut the file may be shorter
   * @throws AppError INTERNAL when neither this folder nor the journal has it
   */
  async hold(ref: DocumentRef, content: Content, sizeBytes: number): Promise<HeldCopy> {
    const path = this.pathOf(ref, content);
    while (this.cache.get(path)?.sizeBytes !== sizeBytes) await this.fetch(ref, content, path);
    return this.cache.hold(this.cache.get(path)!);
  }

  /**
   * Moves a finished file durably into place as the working copy of a content.
   * @param file a path made by `incoming`; the file must be synced to disk already
   */
  async place(ref: DocumentRef, { epoch, mark }: Content, file: string): Promise<void> {
    const path = this.pathOf(ref, { epoch, mark });
    const { size } = await stat(file);
    // A failed write, or one that the database has lost, may have left a copy of this epoch.
    for (const copy of this.listCopies(ref)) {
      if (copy.epoch === epoch && copy.path !== path) await this.cache.retire(copy);
    }
    // The removal of an earlier file at this path may be running; it must not remove the new file.
    await this.cache.vacate(path);
    await this.disk.orReclaim(() => moveDurably(file, path, this.root));
    this.cache.add({ ref, epoch, mark, path, sizeBytes: size, isPending: !this.journal.hasContents });
  }

  /** Notes that a content is uploaded, so that `makeRoom` may remove its copy. */
  noteUploaded(ref: DocumentRef, content: Content): void {
    const copy = this.cache.get(this.pathOf(ref, content));
    if (copy) copy.isPending = false;
  }

  /** Removes an unreadable copy, if this server has a journal to fetch it from again. */
  async discard(ref: DocumentRef, content: Content): Promise<void> {
    const copy = this.cache.get(this.pathOf(ref, content));
    if (copy && this.journal.hasContents) await this.cache.remove(copy);
  }

  /** Removes the copies of earlier epochs; a held copy is removed with its last release. */
  async removeBefore(ref: DocumentRef, epoch: number): Promise<void> {
    for (const copy of this.listCopies(ref)) if (copy.epoch < epoch) await this.cache.retire(copy);
  }

  /**
   * Makes room for a copy of `bytes` by removing copies that can be spared, the least recently used first.
   * @throws AppError DISK_FULL
   */
  async makeRoom(bytes: number): Promise<void> {
    const isAllowed = () => this.cache.totalBytes + bytes <= this.config.maxWorkingCopyBytes;
    if (await this.spare(async () => isAllowed() && !(await this.disk.isShortOf(bytes)))) return;
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
  hasRoom(bytes: number): Promise<boolean> {
    return this.spare(async () => !(await this.disk.isShortOf(bytes)));
  }

  /** Size of the copies that can be spared, as far as that is known without asking the database. */
  get removableBytes(): number {
    const removable = this.cache.list().filter((copy) => !copy.isPending && !this.cache.isHeld(copy));
    return removable.reduce((bytes, copy) => bytes + copy.sizeBytes, 0);
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
  private async standingOf({ ref, epoch, mark }: Copy): Promise<'unknown' | 'pending' | 'dispensable'> {
    if (this.journal.hasContents) return 'dispensable';
    const document = await this.documents.find(ref);
    if (document && epoch < document.epoch) return 'dispensable';
    if (document?.epoch !== epoch || document.mark !== mark) return 'unknown';
    return isStored(document, document) ? 'dispensable' : 'pending';
  }

  private listCopies(ref: DocumentRef): Copy[] {
    const folder = this.folderOf(ref) + sep;
    return this.cache.list().filter(({ path }) => path.startsWith(folder));
  }

  private async fetch(ref: DocumentRef, content: Content, path: string): Promise<void> {
    const known = this.fetching.get(path);
    if (known) return known;
    const fetched = this.fetchNow(ref, content).finally(() => this.fetching.delete(path));
    this.fetching.set(path, fetched);
    return fetched;
  }

  private async fetchNow(ref: DocumentRef, { epoch, mark }: Content): Promise<void> {
    const document = await this.documents.find(ref);
    if (!this.journal.hasContents || document?.epoch !== epoch || document.mark !== mark) {
      const detail = `The data folder does not have the content of ${ref.videoId}/${ref.kind} at epoch ${epoch}.`;
      throw new AppError('INTERNAL', { detail });
    }
    await this.makeRoom(document.sizeBytes);
    const file = this.incoming();
    const { sizeBytes } = await this.disk.orReclaim(() =>
      inflateTo(this.journal.read(ref, document), file, UNLIMITED),
    );
    if (sizeBytes !== document.sizeBytes) throw new Error('The journal has another size than the document.');
    await syncToDisk(file);
    await this.place(ref, document, file);
  }

  /**
   * Takes a folder that no other process uses: on PostgreSQL several processes may share a data directory.
   * @throws AppStartError on SQLite when another process uses the first folder, which holds the only copies of content
   */
  private takeFolder(): { folder: string; lock: FolderLock } {
    for (let number = 0; ; number += 1) {
      const folder = join(this.config.dataDir, 'documents', String(number));
      makeDataDir(folder);
      const lock = FolderLock.tryTake(folder);
      if (lock) return { folder, lock };
      if (!this.journal.hasContents)
        throw new AppStartError(`Another process works in ${folder}; stop it first.`);
    }
  }

  private async findCopies(): Promise<void> {
    const found: { copy: Copy; usedAt: number }[] = [];
    for (const name of await readdir(this.root, { recursive: true })) {
      const match = COPY_NAME.exec(name);
      if (!match) continue;
      const [, account = '', video = '', kind = '', epoch = '', mark = null] = match;
      const path = join(this.root, name);
      const { size, mtimeMs } = await stat(path);
      const ref = { accountId: fromHex(account), videoId: fromHex(video), kind };
      found.push({
        copy: { ref, epoch: Number(epoch), mark, path, sizeBytes: size, isPending: false },
        usedAt: mtimeMs,
      });
    }
    found.sort((a, b) => a.usedAt - b.usedAt);
    let unknown = 0;
    for (const { copy } of found) {
      const standing = await this.standingOf(copy);
      const isUnknown = standing === 'unknown';
      // No upload will free its bytes: if they counted, they would keep other documents from being written for ever.
      const sizeBytes = isUnknown ? 0 : copy.sizeBytes;
      this.cache.add({ ...copy, sizeBytes, isPending: standing !== 'dispensable' });
      if (isUnknown) unknown += 1;
    }
    // Such a file is never read. It stays until its document is written again: after the database was put back to an earlier
    // state, it may hold the only copy of what was lost.
    if (unknown > 0) {
      this.logger.warn(
        `${unknown} working copies below ${this.root} are of versions that the database does not have: of writes that ` +
          'were cut off, or made before the database was put back to an earlier state. They are not used.',
      );
    }
  }

  private pathOf(ref: DocumentRef, content: Content): string {
    return workingCopyPath(this.root, ref, content);
  }

  private folderOf(ref: DocumentRef): string {
    return dirname(this.pathOf(ref, NO_CONTENT));
  }

  private get incomingFolder(): string {
    return join(this.root, INCOMING);
  }
}

/** The path of a working copy below the folder of one process. */
export function workingCopyPath(
  root: string,
  { accountId, videoId, kind }: DocumentRef,
  { epoch, mark }: Content,
): string {
  const name = mark === null ? `${epoch}.db` : `${epoch}-${mark}.db`;
  return join(root, toHex(accountId), toHex(videoId), kind, name);
}

const toHex = (text: string) => Buffer.from(text).toString('hex');
const fromHex = (hex: string) => Buffer.from(hex, 'hex').toString();
