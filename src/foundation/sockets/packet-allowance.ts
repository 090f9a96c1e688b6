/** How much clients of one kind may send. */
export interface PacketLimits {
  /** Packets at once. */
  burst: number;
  /** Packets a second in the long run. */
  perSecond: number;
}

/** How much a device may send. */
export const DEVICE_LIMITS: PacketLimits = { burst: 50, perSecond: 20 };

/** How much someone may send who came by a link: hardly more than pings. */
export const WATCHER_LIMITS: PacketLimits = { burst: 20, perSecond: 5 };

/** What one client may still send. */
export class PacketAllowance {
  private left: number;

  /** @param at the time, in milliseconds of any clock that does not jump */
  constructor(
    private readonly limits: PacketLimits,
    private at: number,
  ) {
    this.left = limits.burst;
  }

  /** Counts one packet. @returns false when it is one too many */
  take(now: number): boolean {
    const { burst, perSecond } = this.limits;
    this.left = Math.min(burst, this.left + ((now - this.at) * perSecond) / 1_000) - 1;
    this.at = now;
    return this.left >= 0;
  }
}
