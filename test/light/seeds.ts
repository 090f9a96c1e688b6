/** A run that the long test plays. */
export interface TestRun {
  seed: number;
  /** The fault it once found, or why it is played. */
  why: string;
}

/** Seeds that found a fault, in tests or in `npm run soak:light`; they stay. */
const found: Readonly<Record<number, string>> = {};

const FIRST_SEEDS = 30;

/** The first 30 seeds, and every seed that found a fault. */
export const testRuns: TestRun[] = [
  ...new Set([
    ...Array.from({ length: FIRST_SEEDS }, (_, index) => index + 1),
    ...Object.keys(found).map(Number),
  ]),
].map((seed) => ({ seed, why: found[seed] ?? 'one of the first 30' }));
