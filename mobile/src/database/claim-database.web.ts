import { Cell } from '../sync/observable';
import { claimByAsking } from './claim-by-asking';
import type { ClaimState, DatabaseClaim } from './claim';

const LOCK = 'tidemark-database';
const CHANNEL = 'tidemark-database';
/** How long the other tab may take to let go; a frozen one never will. */
const LET_GO_MS = 2_000;
/** How long the page that was just left in this tab may hold on to the lock. */
const FREED_MS = 1_000;

/**
 * Claims the database for this tab. While another one has it the state is `elsewhere`.
 * @param letGo stops everything that writes; called when another tab takes over
 */
export function claimDatabase(letGo: () => Promise<void>): DatabaseClaim {
  const hasLocks = (navigator as Partial<Navigator>).locks !== undefined;
  return hasLocks ? claimByLock(letGo) : claimByAsking(letGo);
}

function claimByLock(letGo: () => Promise<void>): DatabaseClaim {
  const state = new Cell<ClaimState>('waiting');
  const channel = new BroadcastChannel(CHANNEL);
  let release: (() => void) | null = null;

  const hold = (): Promise<void> => {
    state.set('owned');
    return new Promise((resolve) => (release = resolve));
  };
  const loseTo = async (): Promise<void> => {
    if (state.get() !== 'owned') return;
    state.set('elsewhere');
    await letGo().catch(() => undefined);
    release?.();
    release = null;
  };
  const claimIfFree = async (): Promise<void> => {
    try {
      await navigator.locks.request(LOCK, { signal: AbortSignal.timeout(FREED_MS) }, hold);
    } catch {
      // A held lock was stolen, which happens only to a tab that does not answer; or it was never free.
      if (state.get() === 'owned') await loseTo();
      else state.set('elsewhere');
    }
  };
  const takeOver = async (): Promise<void> => {
    state.set('waiting');
    channel.postMessage('let go');
    try {
      await navigator.locks.request(LOCK, { signal: AbortSignal.timeout(LET_GO_MS) }, hold);
    } catch {
      if (state.get() === 'waiting') await navigator.locks.request(LOCK, { steal: true }, hold);
      else await loseTo();
    }
  };

  channel.onmessage = () => void loseTo();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && state.get() === 'elsewhere') void claimIfFree();
  });
  void claimIfFree();

  return {
    state,
    useHere() {
      if (state.get() === 'elsewhere') takeOver().catch(loseTo);
    },
  };
}
