import { Cell } from '@tidemark/client';
import type { ClaimState, DatabaseClaim } from './claim';

/** Claims the database. On a phone the claim always succeeds: there are no tabs. */
export function claimDatabase(_letGo: () => Promise<void>): DatabaseClaim {
  return { state: new Cell<ClaimState>('owned'), useHere: () => undefined };
}
