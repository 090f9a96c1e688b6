import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { Inject, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { CONFIG, NOW, type Now } from '../../foundation/config/config.module.js';
import type { Config } from '../../foundation/config/config.js';
import { makeDataDir } from '../../foundation/files/data-dir.js';
import { FolderLock } from '../../foundation/files/folder-lock.js';
import { AppError } from '../../foundation/errors/app-error.js';
import { AppStartError } from '../../foundation/errors/app-start-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import { moveDurably } from '../../foundation/files/durable-move.js';
import { syncToDisk } from '../../foundation/files/sync-to-disk.js';
import { DocumentsRepository, isStored } from '../documents.repository.js';
import { inflateTo, UNLIMITED } from '../import/inflate.js';
import { JournalRepository } from './journal.repository.js';

/** A working copy that stays where it is until it is released. */
export interface HeldCopy {
  /** A SQLite database. */
  path: string;
  /** Lets it be removed again; a second time is harmless. */
  release(): void;
}

interface Copy {
  ref: DocumentRef;
  epoch: number;
  path: string;
  sizeBytes: number;
  /** To be removed with the last release. */
  isObsolete: boolean;
  /** Known to be all there is of a content that is not uploaded. */
  isPending: boolean;
}

const INCOMING = 'incoming';

/**
 * The contents of documents on this machine's disk, a file for each epoch. Folders are named by the ids in hexadecimal:
 * ids may differ in nothing but upper and lower case, which not every file system tells apart.
 */
@Injectable()
export class WorkingCopies implements OnModuleInit, OnModuleDestroy {
  /** By path, the least recently used first. */
  private readonly copies = new Map<string, Copy>();
  /** How often what is at a path is held; by path, as another file may take its place meanwhile. */
  private readonly holds = new Map<string, number>();
  private readonly fetching = new Map<string, Promise<void>>();
  /** What takes the place of a file waits until that is gone. */
  private readonly removing = new Map<string, Promise<void>>();
  private totalBytes = 0;
  private root = '';
  private lock?: FolderLock;

  constructor(
    private readonly documents: DocumentsRepository,
    private readonly journal: JournalRepository,
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
  }

  onModuleDestroy(): void {
    this.lock?.release();
  }

  /** A path for a temporary file; what is left under such paths is removed at the next start. */
  incoming(): string {
    return join(this.incomingFolder, randomBytes(12).toString('hex'));
  }

  /**
   * The working copy of one epoch; brought back from the journal when it is not here.
   * @param sizeBytes what it must have: a power cut may have left less
   * @throws Error when it is nowhere
   */
  async hold(ref: DocumentRef, epoch: number, sizeBytes: number): Promise<HeldCopy> {
    const path = this.pathOf(ref, epoch);
    while (this.copies.get(path)?.sizeBytes !== sizeBytes) await this.fetch(ref, epoch, path);
    this.touch(this.copies.get(path)!);
    this.holds.set(path, (this.holds.get(path) ?? 0) + 1);
    let isHeld = true;
    return {
      path,
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        this.release(path);
      },
    };
  }

  /**
   * Puts a finished file in place as the working copy of an epoch, durably; its bytes must be on the disk already.
   * @param file a path given out by `incoming`
   */
  async place(ref: DocumentRef, epoch: number, file: string): Promise<void> {
    const path = this.pathOf(ref, epoch);
    const { size } = await stat(file);
    // What a write that failed has left there must not be removed when its place is taken already.
    this.forget(path);
    await this.removing.get(path);
    await moveDurably(file, path, this.root);
    const isPending = !this.journal.isKept;
    this.note({ ref, epoch, path, sizeBytes: size, isObsolete: false, isPending });
  }

  /** Takes note that object storage has the content of an epoch by now, so that its copy may make room. */
  noteUploaded(ref: DocumentRef, epoch: number): void {
    const copy = this.copies.get(this.pathOf(ref, epoch));
    if (copy) copy.isPending = false;
  }

  /** Forgets a copy that cannot be read, where the journal has it. */
  async discard(ref: DocumentRef, epoch: number): Promise<void> {
    const copy = this.copies.get(this.pathOf(ref, epoch));
    if (copy && this.journal.isKept) await this.remove(copy);
  }

  /** Removes the copies of earlier epochs. */
  async removeBefore(ref: DocumentRef, epoch: number): Promise<void> {
    const folder = dirname(this.pathOf(ref, epoch)) + sep;
    const older = [...this.copies.values()].filter(
      (copy) => copy.path.startsWith(folder) && copy.epoch < epoch,
    );
    for (const copy of older) {
      copy.isObsolete = true;
      if (!this.holds.has(copy.path)) await this.remove(copy);
    }
  }

  /**
   * Makes room for so many bytes: of what is uploaded, the least recently used goes first.
   * @throws AppError DISK_FULL
   */
  async makeRoom(bytes: number): Promise<void> {
    for (const copy of [...this.copies.values()]) {
      if (this.totalBytes + bytes <= this.config.maxWorkingCopyBytes) return;
      // Asking for each of what is pending would stop everyone else, on every write while it fills the room.
      if (copy.isPending || this.holds.has(copy.path)) continue;
      if ((await this.standingOf(copy)) !== 'dispensable') continue;
      // Somebody may have come to hold it meanwhile.
      if (!this.holds.has(copy.path)) await this.remove(copy);
    }
    if (this.totalBytes + bytes <= this.config.maxWorkingCopyBytes) return;
    // Where one account has filled it, the others need not wait for that one to pause.
    await this.documents.hasten(this.now());
    throw new AppError('DISK_FULL', {
      detail: 'The room for working copies is taken by documents that are not uploaded yet.',
      retry_after: 60,
    });
  }

  /** What the journal has not, the store must have. What is uncommitted may be about to be committed. */
  private async standingOf({ ref, epoch }: Copy): Promise<'uncommitted' | 'pending' | 'dispensable'> {
    if (this.journal.isKept) return 'dispensable';
    const document = await this.documents.find(ref);
    if (!document || epoch > document.epoch) return 'uncommitted';
    return epoch < document.epoch || isStored(document, document) ? 'dispensable' : 'pending';
  }

  private async fetch(ref: DocumentRef, epoch: number, path: string): Promise<void> {
    const known = this.fetching.get(path);
    if (known) return known;
    const fetched = this.fetchNow(ref, epoch).finally(() => this.fetching.delete(path));
    this.fetching.set(path, fetched);
    return fetched;
  }

  private async fetchNow(ref: DocumentRef, epoch: number): Promise<void> {
    const document = await this.documents.find(ref);
    if (!this.journal.isKept || document?.epoch !== epoch) {
      throw new Error(`The working copy of ${ref.videoId}/${ref.kind} at epoch ${epoch} is gone.`);
    }
    await this.makeRoom(document.sizeBytes);
    const file = this.incoming();
    const { sizeBytes } = await inflateTo(this.journal.read(ref, document), file, UNLIMITED);
    if (sizeBytes !== document.sizeBytes) throw new Error('The journal has another size than the document.');
    await syncToDisk(file);
    await this.place(ref, epoch, file);
  }

  /**
   * A folder that no other process works in: with PostgreSQL several may share a data directory.
   * @throws AppStartError on SQLite, where what is in the folder is the truth, when another process works in it
   */
  private takeFolder(): { folder: string; lock: FolderLock } {
    for (let number = 0; ; number += 1) {
      const folder = join(this.config.dataDir, 'documents', String(number));
      makeDataDir(folder);
      const lock = FolderLock.tryTake(folder);
      if (lock) return { folder, lock };
      if (!this.journal.isKept) throw new AppStartError(`Another process works in ${folder}; stop it first.`);
    }
  }

  private async findCopies(): Promise<void> {
    const found: { copy: Copy; usedAt: number }[] = [];
    for (const name of await readdir(this.root, { recursive: true })) {
      const match = /^([0-9a-f]+)[/\\]([0-9a-f]+)[/\\]([a-z0-9_]+)[/\\](\d+)\.db$/.exec(name);
      if (!match) continue;
      const [, account = '', video = '', kind = '', epoch = ''] = match;
      const path = join(this.root, name);
      const { size, mtimeMs } = await stat(path);
      const ref = { accountId: fromHex(account), videoId: fromHex(video), kind };
      found.push({
        copy: { ref, epoch: Number(epoch), path, sizeBytes: size, isObsolete: false, isPending: false },
        usedAt: mtimeMs,
      });
    }
    found.sort((a, b) => a.usedAt - b.usedAt);
    for (const { copy } of found) {
      const standing = await this.standingOf(copy);
      // What a write that came to nothing put there nobody reads, and the next write takes its place.
      if (standing !== 'uncommitted') this.note({ ...copy, isPending: standing === 'pending' });
    }
  }

  private release(path: string): void {
    const left = this.holds.get(path)! - 1;
    if (left > 0) {
      this.holds.set(path, left);
      return;
    }
    this.holds.delete(path);
    const copy = this.copies.get(path);
    if (copy?.isObsolete) void this.remove(copy);
  }

  private note(copy: Copy): void {
    this.forget(copy.path);
    this.copies.set(copy.path, copy);
    this.totalBytes += copy.sizeBytes;
  }

  private forget(path: string): void {
    const copy = this.copies.get(path);
    if (!copy) return;
    this.copies.delete(path);
    this.totalBytes -= copy.sizeBytes;
  }

  private touch(copy: Copy): void {
    this.copies.delete(copy.path);
    this.copies.set(copy.path, copy);
    const now = new Date();
    // Only the order after a restart hangs on it.
    void utimes(copy.path, now, now).catch(() => undefined);
  }

  private async remove(copy: Copy): Promise<void> {
    // Another may have taken its place.
    if (this.copies.get(copy.path) !== copy) return;
    this.forget(copy.path);
    // One that cannot be removed is found again at the next start.
    const removed = rm(copy.path, { force: true })
      .catch(() => undefined)
      .finally(() => this.removing.delete(copy.path));
    this.removing.set(copy.path, removed);
    await removed;
  }

  private pathOf(ref: DocumentRef, epoch: number): string {
    return workingCopyPath(this.root, ref, epoch);
  }

  private get incomingFolder(): string {
    return join(this.root, INCOMING);
  }
}

/** Where a working copy lies below the folder of one process. */
export function workingCopyPath(
  root: string,
  { accountId, videoId, kind }: DocumentRef,
  epoch: number,
): string {
  return join(root, toHex(accountId), toHex(videoId), kind, `${epoch}.db`);
}

const toHex = (text: string) => Buffer.from(text).toString('hex');
const fromHex = (hex: string) => Buffer.from(hex, 'hex').toString();
