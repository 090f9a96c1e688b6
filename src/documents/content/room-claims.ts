/** Room on the disk that was found for files which are still being made. */
export class RoomClaims {
  totalBytes = 0;

  /**
   * Claims bytes, for which `isFound` looks then.
   * @returns a function that ends the claim; null: there is no room
   * @throws Error of `isFound`; then nothing is claimed
   */
  async take(bytes: number, isFound: () => Promise<boolean>): Promise<(() => void) | null> {
    this.totalBytes += bytes;
    const end = () => void (this.totalBytes -= bytes);
    let isTaken = false;
    try {
      isTaken = await isFound();
      return isTaken ? end : null;
    } finally {
      if (!isTaken) end();
    }
  }
}
