import { Cell } from '@tidemark/client';
import { claimByAsking } from './claim-by-asking';
import type { ClaimState, DatabaseClaim } from './claim';

const LOCK = 'tidemark-database';
const CHANNEL = 'tidemark-database';
/** How long to wait until the other tab has released the lock; a frozen tab never releases it. */
const LET_GO_MS = 2_000;
/** How long the page that this tab showed before may still hold the lock. */
const FREED_MS = 1_000;

/**
 * Claims the database for this tab. While another tab has it, the state is `elsewhere`.
 * @param letGo stops everything that writes to the database; called when another tab takes it over
 */
export function claimDatabase(letGo: () => Promise<void>): DatabaseClaim {
  const hasLocks = (navigator as Partial<Navigator>).locks !== undefined;
  return hasLocks ? claimByLock(letGo) : claimByAsking(letGo);
}

function claimByLock(letGo: () => Promise<void>): DatabaseClaim {
  const state = new Cell<ClaimState>('waiting');
  const channel = new BroadcastChannel(CHANNEL);
  let release: (() => void) | null = null;
  let newest = new AbortController();

  const hold = (): Promise<void> => {
    state.set('owned');
    return new Promise((resolve) => (release = resolve));
  };
  const loseTo = async (): Promise<void> => {
    if (state.get() !== 'owned') return;
    state.set('elsewhere');
    const free = release;
    release = null;
    await letGo().catch(() => undefined);
    free?.();
  };
  /** Holds the lock once it is free. Aborts this tab's earlier request first, or the two would compete. */
  const request = async (withinMs: number, whenNeverFree: () => void): Promise<void> => {
    newest.abort();
    const mine = (newest = new AbortController());
    const timer = setTimeout(() => mine.abort(), withinMs);
    try {
      await navigator.locks.request(LOCK, { signal: mine.signal }, () => (mine === newest ? hold() : null));
    } catch {
      if (mine !== newest) return;
      // Another tab stole our lock because this tab did not answer in time.
      if (state.get() === 'owned') await loseTo();
      else if (state.get() === 'waiting') whenNeverFree();
    } finally {
      clearTimeout(timer);
    }
  };
  const claimIfFree = (): void => void request(FREED_MS, () => state.set('elsewhere'));
  const takeOver = (): void => {
    state.set('waiting');
    channel.postMessage('let go');
    void request(LET_GO_MS, () => void navigator.locks.request(LOCK, { steal: true }, hold).catch(loseTo));
  };

  channel.onmessage = () => void loseTo();
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible' && state.get() === 'elsewhere') claimIfFree();
  });
  claimIfFree();

  return {
    state,
    useHere() {
      if (state.get() === 'elsewhere') takeOver();
    },
  };
}
