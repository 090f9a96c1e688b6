import type { Lab } from './lab/lab.js';
import type { Profile } from './server/profile.js';

/** One row of the table of what was measured. */
export interface Figure {
  contender: string;
  quantity: string;
  /** Of every round. */
  values: number[];
  unit: string;
}

/** Something the bench is to show, and whether it does. */
export interface Claim {
  /** In plain words: what is divided by what, or which quantity it is. */
  compares: string;
  value: number;
  unit: '×' | 'ms' | 'KiB' | 'MiB';
  bound: '≥' | '≤' | '<';
  target: number;
  /** Why it falls short, when it does and that is known. */
  reason?: string;
}

/** A claim that may need an explanation, and how to come by one. */
export interface Judged extends Claim {
  isMet: boolean;
  /** Where the server's time went; only of what falls short. */
  profile?: Profile;
}

/** What one measure found. */
export interface Findings {
  figures: Figure[];
  claims: Judged[];
  /** What a reader should know to judge the figures. */
  notes: string[];
}

/** One row of the bench. */
export interface Measure {
  /** For --only. */
  name: string;
  title: string;
  run(lab: Lab): Promise<Findings>;
}

function isMet({ value, bound, target }: Claim): boolean {
  if (bound === '≥') return value >= target;
  return bound === '≤' ? value <= target : value < target;
}

/**
 * Judges claims about one thing; when one of them falls short, it gets the profile of that thing.
 * @param explain does the thing once more with the profiler on; absent: there is no server to profile
 */
export async function judge(claims: Claim[], explain?: () => Promise<Profile>): Promise<Judged[]> {
  const profile = claims.every(isMet) ? undefined : await explain?.();
  return claims.map((claim) => ({
    ...claim,
    isMet: isMet(claim),
    profile: isMet(claim) ? undefined : profile,
  }));
}
