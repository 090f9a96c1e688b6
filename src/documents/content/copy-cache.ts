import { utimes } from 'node:fs/promises';
import type { DocumentRef } from '../../locks/lock.js';
import { removeFiles } from './copy-files.js';

/** A working copy that is not removed until it is released. */
export interface HeldCopy {
  /** A SQLite database. */
  path: string;
  /** Allows its removal again; a second call does nothing. */
  release(): void;
}

/** A working copy on disk. */
export interface Copy {
  ref: DocumentRef;
  epoch: number;
  /** The mark of the epoch's content; null: it has none. */
  mark: string | null;
  path: string;
  /** 0: the database does not know this content. */
  sizeBytes: number;
  /** True: this copy is known to be the only place of content that is not uploaded. */
  isPending: boolean;
}

/** The working copies on disk, the order of their last use and their holders; removes their files. */
export class CopyCache {
  /** Copies by path, the least recently used first. */
  private readonly copies = new Map<string, Copy>();
  /** The number of holders by path. Not by copy, as a new file may replace one that is held. */
  private readonly holds = new Map<string, number>();
  /** Copies to remove with their last release. */
  private readonly obsolete = new Set<Copy>();
  /** Those who wait until they hold a file alone, by path. */
  private readonly waiting = new Map<string, () => void>();
  /** Running removals of files, by path. */
  private readonly removing = new Map<string, Promise<void>>();
  private bytes = 0;

  /** Size of all copies together. */
  get totalBytes(): number {
    return this.bytes;
  }

  /** The copy at a path; undefined: none is known. */
  get(path: string): Copy | undefined {
    return this.copies.get(path);
  }

  /** All copies, the least recently used first. */
  list(): Copy[] {
    return [...this.copies.values()];
  }

  /** Adds a copy whose file is in place, as the most recently used one; replaces the copy with the same path. */
  add(copy: Copy): void {
    this.forget(copy.path);
    this.copies.set(copy.path, copy);
    this.bytes += copy.sizeBytes;
  }

  /** Forgets the copy at a path whose file will be replaced, and waits for a running removal of the file. */
  async vacate(path: string): Promise<void> {
    this.forget(path);
    await this.removing.get(path);
  }

  /** Protects a copy from removal, and marks it as the most recently used one. */
  hold(copy: Copy): HeldCopy {
    const { path } = copy;
    this.touch(copy);
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

  /** Resolves when the file at a path, which the caller holds, has no other holder. One caller at a time may wait. */
  async whenAlone(path: string): Promise<void> {
    if (this.holds.get(path) === 1) return;
    await new Promise<void>((resolve) => this.waiting.set(path, resolve));
    this.waiting.delete(path);
  }

  /** Notes the size of a copy. */
  resize(path: string, sizeBytes: number): void {
    const copy = this.copies.get(path);
    if (!copy) return;
    this.bytes += sizeBytes - copy.sizeBytes;
    copy.sizeBytes = sizeBytes;
  }

  /** Whether the file at the copy's path is held. */
  isHeld({ path }: Copy): boolean {
    return this.holds.has(path);
  }

  /** Removes a copy that is not needed any more, at once or with its last release. */
  async retire(copy: Copy): Promise<void> {
    if (this.isHeld(copy)) this.obsolete.add(copy);
    else await this.remove(copy);
  }

  /** Removes a copy and its file, unless another copy has replaced it. */
  async remove(copy: Copy): Promise<void> {
    if (this.copies.get(copy.path) !== copy) return;
    this.forget(copy.path);
    // If the removal fails, the next start finds the file again.
    const removed = removeFiles(copy.path)
      .catch(() => undefined)
      .finally(() => this.removing.delete(copy.path));
    this.removing.set(copy.path, removed);
    await removed;
  }

  private release(path: string): void {
    const left = this.holds.get(path)! - 1;
    if (left > 0) {
      this.holds.set(path, left);
      if (left === 1) this.waiting.get(path)?.();
      return;
    }
    this.holds.delete(path);
    const copy = this.copies.get(path);
    if (copy && this.obsolete.has(copy)) void this.remove(copy);
  }

  private forget(path: string): void {
    const copy = this.copies.get(path);
    if (!copy) return;
    this.copies.delete(path);
    this.obsolete.delete(copy);
    this.bytes -= copy.sizeBytes;
  }

  private touch(copy: Copy): void {
    this.copies.delete(copy.path);
    this.copies.set(copy.path, copy);
    const now = new Date();
    // The files' times only give the order of use after a restart, so a failure is harmless.
    void utimes(copy.path, now, now).catch(() => undefined);
  }
}
