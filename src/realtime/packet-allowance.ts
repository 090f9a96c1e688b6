const PER_SECOND = 20;
const BURST = 50;

/** How much one client may send: 50 packets at once, 20 a second in the long run. */
export class PacketAllowance {
  private left = BURST;

  /** @param at the time, in milliseconds of any clock that does not jump */
  constructor(private at: number) {}

  /** Counts one packet. @returns false when it is one too many */
  take(now: number): boolean {
    this.left = Math.min(BURST, this.left + ((now - this.at) * PER_SECOND) / 1_000) - 1;
    this.at = now;
    return this.left >= 0;
  }
}
