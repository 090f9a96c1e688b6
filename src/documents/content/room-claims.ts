import { Mutex } from '../../foundation/flow/mutex.js';

/** Room on the disk that was found for files which are still being made. */
export class RoomClaims {
  totalBytes = 0;
  /** One claim after another: two at once would count each other, and both be refused where there is room for one. */
  private readonly mutex = new Mutex();

  /**
   * Claims bytes, for which `isFound` looks then.
   * @returns a function that ends the claim; null: there is no room
   * @throws Error of `isFound`; then nothing is claimed
   */
  take(bytes: number, isFound: () => Promise<boolean>): Promise<(() => void) | null> {
    return this.mutex.run(async () => {
      this.totalBytes += bytes;
      const end = () => void (this.totalBytes -= bytes);
      let isTaken = false;
      try {
        isTaken = await isFound();
        return isTaken ? end : null;
      } finally {
        if (!isTaken) end();
      }
    });
  }
}
