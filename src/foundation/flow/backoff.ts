const MINUTE_MS = 60_000;
const LONGEST_MS = 60 * MINUTE_MS;

/**
 * How long to wait after a failure, in ms: grows exponentially from a minute to an hour. Half of it is random, so that
 * work that failed together is not retried together.
 * @param failures number of earlier failures
 */
export function backoffMs(failures: number): number {
  const longest = Math.min(MINUTE_MS * 2 ** Math.min(failures, 10), LONGEST_MS);
  return longest * (0.5 + Math.random() / 2);
}
