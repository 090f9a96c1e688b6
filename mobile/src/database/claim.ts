import type { Observable } from '@tidemark/client';

/** Whether this tab may use the database. Only one may: each tab holds a whole copy, and the last to save would win. */
export type ClaimState = 'waiting' | 'owned' | 'elsewhere';

/** One tab's claim on the database. */
export interface DatabaseClaim {
  readonly state: Observable<ClaimState>;
  /** Takes the database over from the tab that has it; does nothing unless the state is `elsewhere`. */
  useHere(): void;
}
