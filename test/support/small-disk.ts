import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeScratchDir } from './scratch.js';

/** A small disk, mounted for a test. */
export class SmallDisk implements Disposable {
  private constructor(readonly path: string) {}

  /** @param mebibytes the disk's size */
  static mount(mebibytes: number): SmallDisk {
    const path = makeScratchDir('disk', true);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'ignore' });
    } catch (error) {
      rmSync(path, { recursive: true });
      throw error;
    }
    return new SmallDisk(path);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** Takes all but so many bytes, as another program may. @returns a function that frees them again */
  fill(leftBytes = 0): () => void {
    const filler = join(this.path, 'filler');
    writeFileSync(filler, Buffer.alloc(Math.max(0, this.freeBytes - leftBytes)));
    return () => rmSync(filler);
  }

  /** Unmounts the disk; its contents are lost. */
  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}

/** Declares tests that need a small disk; they are skipped where none can be mounted. */
export const describeWithSmallDisk = canMount() ? describe : describe.skip;

function canMount(): boolean {
  try {
    SmallDisk.mount(1)[Symbol.dispose]();
    return true;
  } catch {
    console.warn(
      '\n!! No disk can be mounted here (that takes root): what happens on a full one is NOT tried.\n',
    );
    return false;
  }
}
