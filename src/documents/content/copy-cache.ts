import { rm, utimes } from 'node:fs/promises';
import type { DocumentRef } from '../../locks/lock.js';

/** A working copy that stays where it is until it is released. */
export interface HeldCopy {
  /** A SQLite database. */
  path: string;
  /** Lets it be removed again; a second call does nothing. */
  release(): void;
}

/** A working copy on the disk. */
export interface Copy {
  ref: DocumentRef;
  epoch: number;
  path: string;
  sizeBytes: number;
  /** Known to be the only place of content that is not uploaded. */
  isPending: boolean;
}

/** Which working copies are on the disk, how recently each was used and who holds it; removes their files. */
export class CopyCache {
  /** By path, the least recently used first. */
  private readonly copies = new Map<string, Copy>();
  /** How many holders a path has. By path, not by copy: a new file may replace one that is held. */
  private readonly holds = new Map<string, number>();
  /** Copies to be removed with the last release. */
  private readonly obsolete = new Set<Copy>();
  /** Files that are being removed, by path. */
  private readonly removing = new Map<string, Promise<void>>();
  private bytes = 0;

  /** Of all copies together. */
  get totalBytes(): number {
    return this.bytes;
  }

  /** Undefined: no copy is known at this path. */
  get(path: string): Copy | undefined {
    return this.copies.get(path);
  }

  /** All copies, the least recently used first. */
  list(): Copy[] {
    return [...this.copies.values()];
  }

  /** Adds a copy whose file is in place, as the most recently used one; it replaces a copy of the same path. */
  add(copy: Copy): void {
    this.forget(copy.path);
    this.copies.set(copy.path, copy);
    this.bytes += copy.sizeBytes;
  }

  /** Forgets the copy at a path, whose file is about to be replaced, and waits until a removal of the file has ended. */
  async vacate(path: string): Promise<void> {
    this.forget(path);
    await this.removing.get(path);
  }

  /** Keeps a copy from being removed, and marks it as the most recently used one. */
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

  /** Whether anyone holds the file at the copy's path. */
  isHeld({ path }: Copy): boolean {
    return this.holds.has(path);
  }

  /** Removes a copy that nobody needs any more, at once or with its last release. */
  async retire(copy: Copy): Promise<void> {
    if (this.isHeld(copy)) this.obsolete.add(copy);
    else await this.remove(copy);
  }

  /** Removes a copy and its file, unless another copy has replaced it. */
  async remove(copy: Copy): Promise<void> {
    if (this.copies.get(copy.path) !== copy) return;
    this.forget(copy.path);
    // A file that cannot be removed is found again at the next start.
    const removed = rm(copy.path, { force: true })
      .catch(() => undefined)
      .finally(() => this.removing.delete(copy.path));
    this.removing.set(copy.path, removed);
    await removed;
  }

  private release(path: string): void {
    const left = this.holds.get(path)! - 1;
    if (left > 0) {
      this.holds.set(path, left);
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
    // The order of use after a restart comes from the files' times, and nothing else does: a failure is harmless.
    void utimes(copy.path, now, now).catch(() => undefined);
  }
}
