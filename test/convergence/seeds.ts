/** A run that the long tests repeat. */
export interface KeptRun {
  seed: number;
  steps: number;
  /** The fault it once found, or why it is kept. */
  why: string;
}

/**
 * Runs that are short enough for the long tests. A seed that fails in `npm run soak` is added here and stays. A change
 * of the model changes what a seed plays, so a fault that a seed found also deserves a conformance test.
 */
export const keptRuns: KeptRun[] = [
  { seed: 5, steps: 220, why: 'five phones, deletions forgotten, phones that were away too long' },
  { seed: 109, steps: 220, why: 'many conflicts, names that are too long' },
  { seed: 104, steps: 220, why: 'deletions kept for ever' },
];
