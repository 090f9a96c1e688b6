import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { makeDataDir } from '../../foundation/files/data-dir.js';
import { DiskSpace } from '../../foundation/files/disk-space.js';
import { FolderLock } from '../../foundation/files/folder-lock.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { AppStartError } from '../../foundation/errors/app-start-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { move, syncFolders } from '../../foundation/files/durable-move.js';
import { syncToDisk } from '../../foundation/files/sync-to-disk.js';
import { contentOf, DocumentsRepository, type StoredDocument } from '../documents.repository.js';
import type { Content } from '../version.js';
import { ContentBase } from './content-base.js';
import { CopyCache, type Copy, type HeldCopy } from './copy-cache.js';
import { folderOfCopies, parseCopyPath, wasLeftOpen, workingCopyPath } from './copy-files.js';
import { JournalRepository } from './journal.repository.js';
import { CopyRoom } from './copy-room.js';

const INCOMING = 'incoming';

/**
 * A working copy that is open for live changes: it grows, and until it is released nothing else reads, replaces or removes
 * its file.
 */
export interface LiveCopy extends HeldCopy {
  /** Notes the file's size. */
  measured(sizeBytes: number): void;
  /** Notes the file's size after a batch, which is not uploaded yet. */
  grew(sizeBytes: number): void;
}

/** The folder of this process's working copies, one file for each content of a document. */
@Injectable()
export class WorkingCopies implements OnModuleInit, OnModuleDestroy {
  private readonly cache = new CopyCache();
  /** The paths of the copies that are open for live changes, or about to be. */
  private readonly live = new Set<string>();
  /** Running fetches by path. */
  private readonly fetching = new Map<string, Promise<void>>();
  private readonly logger = new Logger('WorkingCopies');
  /** The room that copies and temporary files take. */
  readonly room: CopyRoom;
  private root = '';
  private lock?: FolderLock;

  constructor(
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
    private readonly base: ContentBase,
    private readonly disk: DiskSpace,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(NOW) now: Now,
  ) {
    this.room = new CopyRoom(this.cache, documents, journal, disk, config, now);
  }

  async onModuleInit(): Promise<void> {
    const { folder, lock } = this.takeFolder();
    this.root = folder;
    this.lock = lock;
    await rm(this.incomingFolder, { recursive: true, force: true });
    await mkdir(this.incomingFolder, { recursive: true, mode: 0o700 });
    await this.findCopies();
    this.disk.whenFull(() => this.room.spareAll());
  }

  async onModuleDestroy(): Promise<void> {
    // So that the next start finds room, also if it is of a new version that changes the database.
    await this.room.has(0).catch(() => undefined);
    this.lock?.release();
  }

  /** A new path for a temporary file; the next start removes files left behind at such paths. */
  incoming(): string {
    return join(this.incomingFolder, randomBytes(12).toString('hex'));
  }

  /**
   * Holds the working copy of the first version of an epoch, which is a file that does not change; fetches it if this folder
   * does not have it.
   * @param sizeBytes the file's right size: after a power cut the file may be shorter
   * @returns null when the copy is open for live changes, or was left so by a process that ended: the engine opens it first
   * @throws AppError INTERNAL when the content is nowhere; STORAGE_UNAVAILABLE, DISK_FULL
   */
  async hold(ref: DocumentRef, content: Content, sizeBytes: number): Promise<HeldCopy | null> {
    const path = this.pathOf(ref, content);
    for (;;) {
      if (this.live.has(path)) return null;
      const copy = this.cache.get(path);
      if (copy && (await wasLeftOpen(path))) return null;
      if (copy?.sizeBytes === sizeBytes) return this.cache.hold(copy);
      await this.fetch(ref, content, path);
    }
  }

  /**
   * Holds a document's working copy for live changes; fetches one if this folder has none. The copy is at or below the
   * document's version: the batches above it are in the journal.
   * @throws AppError INTERNAL when the content is nowhere, or the epoch has ended; STORAGE_UNAVAILABLE, DISK_FULL
   */
  async holdLive(ref: DocumentRef, document: StoredDocument): Promise<LiveCopy> {
    const content = contentOf(document);
    const path = this.pathOf(ref, content);
    if (this.live.has(path)) throw new Error('The working copy is open for live changes already.');
    this.live.add(path);
    try {
      // The size of a file that grows is not known; the engine finds out what is missing from its version.
      const isTrusted = document.version > 1 || (await wasLeftOpen(path));
      const isRight = (copy: Copy) => isTrusted || copy.sizeBytes === document.sizeBytes;
      let copy = this.cache.get(path);
      while (!copy || !isRight(copy)) {
        await this.fetch(ref, content, path);
        copy = this.cache.get(path);
      }
      const held = this.cache.hold(copy);
      await this.cache.whenAlone(path);
      return {
        path,
        measured: (sizeBytes) => this.cache.resize(path, sizeBytes),
        grew: (sizeBytes) => {
          this.cache.resize(path, sizeBytes);
          const grown = this.cache.get(path);
          if (grown) grown.isPending = !this.journal.hasContents;
        },
        release: () => {
          this.live.delete(path);
          held.release();
        },
      };
    } catch (error) {
      this.live.delete(path);
      throw error;
    }
  }

  /**
   * Moves a finished file durably into place as the working copy of a content.
   * @param file a path made by `incoming`; the file must be synced to disk already
   * @param isPending false: the content can be had again from elsewhere
   */
  async place(
    ref: DocumentRef,
    { epoch, mark }: Content,
    file: string,
    isPending = !this.journal.hasContents,
  ): Promise<void> {
    const path = this.pathOf(ref, { epoch, mark });
    const { size } = await stat(file);
    // A failed write, or one that the database has lost, may have left a copy of this epoch.
    for (const copy of this.listCopies(ref)) {
      if (copy.epoch === epoch && copy.path !== path) await this.cache.retire(copy);
    }
    // The removal of an earlier file at this path may be running; it must not remove the new file.
    await this.cache.vacate(path);
    await rm(`${path}-journal`, { force: true }); // of a copy that was there before
    await this.disk.orReclaim(() => move(file, path));
    try {
      await this.disk.orReclaim(() => syncFolders(path, this.root));
    } catch (error) {
      await rename(path, file); // the write may be tried again
      throw error;
    }
    this.cache.add({ ref, epoch, mark, path, sizeBytes: size, isPending });
  }

  /**
   * The write that placed a content has failed: its copy takes no room from others any more.
   * @param isUndone false: the commit may have reached the disk all the same, so the file stays until the next write
   */
  async withdraw(ref: DocumentRef, content: Content, isUndone: boolean): Promise<void> {
    const copy = this.cache.get(this.pathOf(ref, content));
    if (copy && isUndone) await this.cache.remove(copy);
    else if (copy) this.cache.add({ ...copy, sizeBytes: 0 });
  }

  /** Notes that a content is uploaded, so that `makeRoom` may remove its copy. */
  noteUploaded(ref: DocumentRef, content: Content): void {
    const copy = this.cache.get(this.pathOf(ref, content));
    if (copy) copy.isPending = false;
  }

  /** Removes an unreadable copy, if this server has a journal to fetch it from again. */
  async discard(ref: DocumentRef, content: Content): Promise<void> {
    const copy = this.cache.get(this.pathOf(ref, content));
    if (copy && this.journal.hasContents && !this.cache.isHeld(copy)) await this.cache.remove(copy);
  }

  /** Removes the copies of earlier epochs; a held copy is removed with its last release. */
  async removeBefore(ref: DocumentRef, epoch: number): Promise<void> {
    for (const copy of this.listCopies(ref)) if (copy.epoch < epoch) await this.cache.retire(copy);
  }

  private listCopies(ref: DocumentRef): Copy[] {
    const folder = folderOfCopies(this.root, ref) + sep;
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
    if (document?.epoch !== epoch || document.contentMark !== mark) {
      const detail = `The content of ${ref.videoId}/${ref.kind} at epoch ${epoch} is not what the document has now.`;
      throw new AppError('INTERNAL', { detail });
    }
    const endClaim = await this.room.claim(document.sizeBytes);
    const file = this.incoming();
    try {
      await this.disk.orReclaim(() => this.base.fetch(ref, document, file));
      await syncToDisk(file);
      await this.place(ref, { epoch, mark }, file, false); // it is elsewhere, too
    } finally {
      endClaim();
      await rm(file, { force: true });
    }
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
      const known = parseCopyPath(name);
      if (!known) continue;
      const path = join(this.root, name);
      const { size, mtimeMs } = await stat(path);
      const copy = { ref: known.ref, ...known.content, path, sizeBytes: size, isPending: false };
      found.push({ copy, usedAt: mtimeMs });
    }
    found.sort((a, b) => a.usedAt - b.usedAt);
    let unknown = 0;
    for (const { copy } of found) {
      const standing = await this.room.standingOf(copy);
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

  private get incomingFolder(): string {
    return join(this.root, INCOMING);
  }
}
