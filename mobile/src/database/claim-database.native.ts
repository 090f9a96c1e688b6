import { Cell } from '../sync/observable';
import type { ClaimState, DatabaseClaim } from './claim';

/** Claims the database: on a phone there is nobody to share it with. */
export function claimDatabase(_letGo: () => Promise<void>): DatabaseClaim {
  return { state: new Cell<ClaimState>('owned'), useHere: () => undefined };
}
