/** Nobody is cut off for being slow before. */
const GRACE_MS = 5_000;

/** Somebody who holds something scarce for as long as bytes or characters move. */
export interface Holder {
  /** When it began, by `performance.now()`. */
  readonly since: number;
  /** How much has moved so far. */
  moved: number;
}

/** Who moved least per second since it began; undefined: all have begun only just now. */
export function slowestOf<H extends Holder>(holders: Iterable<H>): H | undefined {
  const now = performance.now();
  let slowest: H | undefined;
  let least = Infinity;
  for (const holder of holders) {
    const ms = now - holder.since;
    if (ms <= GRACE_MS || holder.moved / ms >= least) continue;
    least = holder.moved / ms;
    slowest = holder;
  }
  return slowest;
}
