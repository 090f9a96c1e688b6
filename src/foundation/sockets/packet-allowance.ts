/** How many packets a client may send. */
interface PacketLimits {
  /** Packets at once. */
  burst: number;
  /** Packets a second in the long run. */
  perSecond: number;
}

/** The limits of a device. */
export const DEVICE_LIMITS: PacketLimits = { burst: 50, perSecond: 20 };

/** The limits of a watcher, who hardly needs more than pings. */
export const WATCHER_LIMITS: PacketLimits = { burst: 20, perSecond: 5 };

/** The limits of who edits a document. */
export const EDITOR_LIMITS: PacketLimits = { burst: 200, perSecond: 100 };

/** A token bucket: how many packets one client may still send. */
export class PacketAllowance {
  private left: number;

  /** @param at the current time, in ms of a monotonic clock */
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
