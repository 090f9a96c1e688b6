import type { Lab } from './lab/lab.js';
import type { Profile } from './server/profile.js';

/** One row of the table of measurements. */
export interface Figure {
  contender: string;
  quantity: string;
  /** One value per round. */
  values: number[];
  unit: string;
}

/** A value that the bench compares with its target. */
export interface Claim {
  /** In plain words: the quantity, or which one is divided by which. */
  compares: string;
  value: number;
  unit: '×' | 'ms' | 'KiB' | 'MiB';
  bound: '≥' | '≤' | '<';
  target: number;
  /** Why the target is not met, if that is known. */
  reason?: string;
}

/** A claim with its verdict. */
export interface Judged extends Claim {
  isMet: boolean;
  /** Where the server's time went; only for unmet claims. */
  profile?: Profile;
}

/** The findings of one measure. */
export interface Findings {
  figures: Figure[];
  claims: Judged[];
  /** Facts that a reader needs to judge the figures. */
  notes: string[];
}

/** One row of the bench. */
export interface Measure {
  /** Its name for --only. */
  name: string;
  title: string;
  run(lab: Lab): Promise<Findings>;
}

function isMet({ value, bound, target }: Claim): boolean {
  if (bound === '≥') return value >= target;
  return bound === '≤' ? value <= target : value < target;
}

/**
 * Judges claims about the same thing; unmet claims get its profile.
 * @param explain repeats the measured work with the profiler on; absent: there is no server to profile
 */
export async function judge(claims: Claim[], explain?: () => Promise<Profile>): Promise<Judged[]> {
  const profile = claims.every(isMet) ? undefined : await explain?.();
  return claims.map((claim) => ({
    ...claim,
    isMet: isMet(claim),
    profile: isMet(claim) ? undefined : profile,
  }));
}
