const SWEEP_AT = 10_000;

/** A token bucket for each key: `burst` tries at once, refilled evenly over `periodMs`. */
export class RateLimit {
  private sweepAt = SWEEP_AT;
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly burst: number,
    private readonly periodMs: number,
    private readonly now: () => number,
  ) {}

  /** @returns seconds until the next try is allowed; 0: now */
  retryAfterSeconds(key: string): number {
    const tokens = this.refill(key).tokens;
    return tokens >= 1 ? 0 : Math.ceil(((1 - tokens) * this.periodMs) / this.burst / 1_000);
  }

  /** Counts one try. */
  take(key: string): void {
    const bucket = this.refill(key);
    this.buckets.set(key, { ...bucket, tokens: Math.max(0, bucket.tokens - 1) });
    if (this.buckets.size > this.sweepAt) this.forgetFull();
  }

  /** Takes a counted try back. */
  giveBack(key: string): void {
    const bucket = this.refill(key);
    this.buckets.set(key, { ...bucket, tokens: Math.min(this.burst, bucket.tokens + 1) });
  }

  private refill(key: string): { tokens: number; at: number } {
    const at = this.now();
    const bucket = this.buckets.get(key);
    if (!bucket) return { tokens: this.burst, at };
    const elapsedMs = Math.max(0, at - bucket.at);
    return { tokens: Math.min(this.burst, bucket.tokens + (elapsedMs * this.burst) / this.periodMs), at };
  }

  private forgetFull(): void {
    for (const key of this.buckets.keys()) {
      if (this.refill(key).tokens >= this.burst) this.buckets.delete(key);
    }
    this.sweepAt = Math.max(SWEEP_AT, this.buckets.size * 2);
  }
}

/** What an address is limited by: an IPv6 client has a whole /64 to itself, an IPv4 client one address. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1]!;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === '' ? 0 : tail.split(':').length);
  return [...groups, ...Array<string>(Math.max(0, missing)).fill('0')].slice(0, 4).join(':');
}
