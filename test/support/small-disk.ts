import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { makeScratchDir } from './scratch.js';

/** A disk of its own that is soon full. */
export class SmallDisk implements Disposable {
  private constructor(readonly path: string) {}

  /** @param mebibytes its size */
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

  /** Unmounts it, and what was on it is gone. */
  [Symbol.dispose](): void {
    execFileSync('umount', [this.path]);
    rmSync(this.path, { recursive: true });
  }
}

/** Declares tests that need a small disk; where none can be mounted they are left out, and that is said. */
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
