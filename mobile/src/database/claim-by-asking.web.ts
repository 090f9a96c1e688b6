import { Cell } from '@tidemark/client';
import type { ClaimState, DatabaseClaim } from './claim';

const CHANNEL = 'tidemark-database-owner';
/** How long to wait for the answer of the tab that has the database; a busy tab may answer later. */
const ANSWER_MS = 300;
/** How long to wait until the other tab has released the database; a frozen tab never releases it. */
const LET_GO_MS = 2_000;

type Message = 'who has it?' | 'this tab' | 'let go' | 'let it go';

/**
 * Claims the database by asking the other tabs. For pages that came over plain HTTP from another machine: browsers give
 * these no Web Locks. Two tabs that open at the same moment may both get the database.
 */
export function claimByAsking(letGo: () => Promise<void>): DatabaseClaim {
  const state = new Cell<ClaimState>('waiting');
  const channel = new BroadcastChannel(CHANNEL);
  const say = (message: Message): void => channel.postMessage(message);
  let isTakingOver = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const settle = (next: ClaimState): void => {
    clearTimeout(timer);
    isTakingOver = false;
    state.set(next);
  };
  const ownAfter = (ms: number): void => {
    timer = setTimeout(() => settle('owned'), ms);
  };
  const lose = async (): Promise<void> => {
    settle('elsewhere');
    await letGo().catch(() => undefined);
    say('let it go');
  };

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    const isOwner = state.get() === 'owned';
    const isWaiting = state.get() === 'waiting';
    if (data === 'who has it?' && isOwner) say('this tab');
    else if (data === 'this tab' && isWaiting && !isTakingOver) settle('elsewhere');
    else if (data === 'this tab' && isOwner)
      void lose(); // a late answer: another tab has the database too, so this one gives it up
    else if (data === 'let go' && isOwner) void lose();
    else if (data === 'let it go' && isTakingOver) settle('owned');
  };
  say('who has it?');
  ownAfter(ANSWER_MS);

  return {
    state,
    useHere() {
      if (state.get() !== 'elsewhere') return;
      isTakingOver = true;
      state.set('waiting');
      say('let go');
      ownAfter(LET_GO_MS);
    },
  };
}
