const MINUTE_MS = 60_000;
const LONGEST_MS = 60 * MINUTE_MS;

/**
 * How long to wait after a failure, ms: exponential from a minute to an hour, with half of it random, so that what failed
 * together is not retried together.
 * @param failures how many failures there were before this one
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(MINUTE_MS * 2 ** Math.min(failures, 10), LONGEST_MS);
  return longest * (0.5 + Math.random() / 2);
}
