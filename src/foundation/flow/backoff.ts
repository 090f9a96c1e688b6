const MINUTE_MS = 60_000;
const LONGEST_MS = 60 * MINUTE_MS;

/**
 * How long to wait after a failure: up to a minute, doubling up to an hour; at least half of that, at random, so that
 * what failed together does not come back together.
 * @param failures how often it had failed before
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(MINUTE_MS * 2 ** Math.min(failures, 10), LONGEST_MS);
  return longest * (0.5 + Math.random() / 2);
}
