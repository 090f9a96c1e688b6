/** A token bucket for each key: `burst` tries at once, refilled evenly over `periodMs`. */
export class RateLimit {
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
    if (this.buckets.size > 10_000) this.forgetFull();
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
  }
}
