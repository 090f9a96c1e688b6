import fc from 'fast-check';
import {
  isOfThePast,
  isUpToDate,
  nothingKnown,
  PROOF_MS,
  reduce,
  type Facts,
  type SyncEvent,
  type Told,
} from '../../../client/src/light/facts';
import { STALL_MS, STUCK_FAILURES, statusOf, type SyncState } from '../../../client/src/light/status';

const REASON = { code: 'INTERNAL', message: 'It broke.', hint: 'Try again.' };
const failure = (more = {}) => ({ reason: REASON, isAnswer: true, isFinal: false, ...more });
const rejection = { table: 'games', id: 'g', reason: 'TEXT_TOO_LONG' as const };

/** The facts after these events, each at the given moment. */
function after(...events: [now: number, event: SyncEvent][]): Facts {
  return events.reduce((facts, [now, event]) => reduce(facts, event, now), nothingKnown);
}

const openedAt = (checkpoint: string | null): SyncEvent => ({
  type: 'opened',
  lastPulledAt: 100,
  checkpoint,
  lastSyncedWall: null,
});

/** A device that has pulled up to 100, and a connection since moment 0. */
const CONNECTED: [number, SyncEvent][] = [
  [0, openedAt(null)],
  [0, { type: 'link_connecting' }],
  [0, { type: 'link_up', timestamp: 100 }],
];
const pong = (sentAt: number, timestamp = 100, checkpoint?: string): SyncEvent => ({
  type: 'pong',
  sentAt,
  timestamp,
  checkpoint,
});
const stateAt = (facts: Facts, now: number): SyncState => statusOf(facts, now).state;

describe('green', () => {
  test('takes an answered ping, not a connection', () => {
    expect(stateAt(after(...CONNECTED), 10)).toBe('connecting');
    expect(stateAt(after(...CONNECTED, [20, pong(10)]), 20)).toBe('synced');
  });

  test('lasts as long as the sending of the ping is recent, whenever the answer came', () => {
    const facts = after(...CONNECTED, [PROOF_MS, pong(10)]);
    expect(stateAt(facts, 10 + PROOF_MS)).toBe('synced');
    expect(stateAt(facts, 11 + PROOF_MS)).toBe('connecting');
  });

  test('does not come from an answer that was too long on its way', () => {
    expect(stateAt(after(...CONNECTED, [5_000, pong(10)]), 5_000)).toBe('connecting');
  });

  test('ends when an answer shows something newer, and comes back with the pull that brings it', () => {
    const behind = after(...CONNECTED, [20, pong(10)], [1_020, pong(1_010, 200)]);
    expect(stateAt(behind, 1_020)).toBe('catching_up');
    const pulled = reduce(behind, { type: 'pulled', timestamp: 200 }, 1_100);
    expect(stateAt(pulled, 1_100)).toBe('synced');
  });

  test('does not come back with a pull that brings less than was heard of', () => {
    const facts = after(...CONNECTED, [20, pong(10, 300)], [30, { type: 'pulled', timestamp: 200 }]);
    expect(stateAt(facts, 30)).toBe('catching_up');
  });

  test.each<[string, SyncEvent]>([
    ['an announcement', { type: 'heard', timestamp: 101 }],
    ['an answer to a push', { type: 'heard', timestamp: 101 }],
    ['an older ping that was answered late', pong(5, 101)],
  ])('ends with %s that is newer than the last pull', (_, event) => {
    expect(stateAt(after(...CONNECTED, [20, pong(10)], [30, event]), 30)).toBe('catching_up');
  });

  test.each<[string, SyncEvent]>([
    ['the end of the connection', { type: 'link_down', failure: failure() }],
    ['a new connection', { type: 'link_connecting' }],
    ['another history', { type: 'reset', lastPulledAt: 100, checkpoint: null }],
  ])('ends with %s: what the old connection proved is void', (_, event) => {
    const facts = after(...CONNECTED, [20, pong(10)], [30, event]);
    const again = reduce(facts, { type: 'link_up', timestamp: 100 }, 40);
    expect(stateAt(again, 40)).toBe('connecting');
  });

  test.each<[string, SyncEvent, SyncEvent]>([
    ['less than the last pull brought', openedAt(null), pong(10, 99)],
    ['less than was told before the app was started', openedAt('101-aaaaaaaa'), pong(10, 100)],
    ['less than the answer to a push told', { type: 'heard', timestamp: 101 }, pong(10, 100)],
    ['another mark of the same stamp', openedAt('100-aaaaaaaa'), pong(10, 100, '100-bbbbbbbb')],
  ])(
    'does not come from an answer that tells %s: the server’s data may have been put back',
    (_, told, event) => {
      const facts = after(...CONNECTED, [5, told], [20, event]);
      expect(statusOf(facts, 20).light).toBe('yellow');
      expect(isOfThePast(after(...CONNECTED, [5, told]), event as Told)).toBe(true);
    },
  );

  test('comes from an answer that tells the checkpoint known already, or a first one', () => {
    const checkpoint = '100-aaaaaaaa';
    for (const told of [openedAt(checkpoint), openedAt(null)]) {
      expect(stateAt(after(...CONNECTED, [5, told], [20, pong(10, 100, checkpoint)]), 20)).toBe('synced');
    }
  });

  test('does not come before the first pull', () => {
    const facts = after([0, { type: 'link_up', timestamp: 100 }], [20, pong(10)]);
    expect(stateAt(facts, 20)).toBe('catching_up');
  });

  test('is given to whoever has nothing to fetch, with what is still to be sent', () => {
    const edited = after(...CONNECTED, [20, pong(10)], [30, { type: 'edited' }]);
    expect(statusOf(edited, 30)).toMatchObject({ state: 'syncing', light: 'green', pending: 1 });
    const counted = reduce(edited, { type: 'counted', pending: 0, refused: [] }, 40);
    expect(statusOf(counted, 40)).toMatchObject({ state: 'synced', light: 'green', pending: 0 });
  });

  test('an edit is never counted away by being told of again', () => {
    const facts = after([0, { type: 'counted', pending: 7, refused: [] }], [1, { type: 'edited' }]);
    expect(facts.pending).toBe(7);
  });
});

describe('without a connection', () => {
  test('the first try is shown, further ones are not', () => {
    const trying = after([0, { type: 'link_connecting' }]);
    expect(stateAt(trying, 0)).toBe('connecting');
    const failed = reduce(trying, { type: 'link_down', failure: failure({ isAnswer: false }) }, 10);
    expect(stateAt(failed, 10)).toBe('disconnected');
    expect(stateAt(reduce(failed, { type: 'link_connecting' }, 20), 20)).toBe('disconnected');
  });

  test('failed requests that nobody answered do not make it stuck', () => {
    let facts = after([0, { type: 'link_down', failure: failure({ isAnswer: false }) }]);
    const event: SyncEvent = { type: 'sync_failed', failure: failure({ isAnswer: false }), nextTryWall: 99 };
    for (let count = 0; count < 10; count += 1) facts = reduce(facts, event, count);
    expect(statusOf(facts, 10)).toMatchObject({ state: 'disconnected', reason: null, nextTryAt: 99 });
  });

  test('requests that pass while no connection does are told as what they are', () => {
    let facts = after([0, { type: 'sync_succeeded', wall: 1 }]);
    for (let count = 0; count < 6; count += 1) {
      facts = reduce(facts, { type: 'link_down', failure: failure({ isAnswer: false }) }, count);
    }
    expect(statusOf(facts, 10)).toMatchObject({ state: 'stuck', reason: { code: 'NO_LIVE_CONNECTION' } });
  });
});

describe('stuck', () => {
  const failing = (count: number, more = {}): Facts => {
    let facts = after(...CONNECTED, [20, pong(10)]);
    for (let done = 0; done < count; done += 1) {
      facts = reduce(facts, { type: 'sync_failed', failure: failure(more), nextTryWall: null }, 30);
    }
    return facts;
  };

  test('after three failures in a row, with the reason', () => {
    expect(stateAt(failing(STUCK_FAILURES - 1), 30)).toBe('synced');
    expect(statusOf(failing(STUCK_FAILURES), 30)).toMatchObject({
      state: 'stuck',
      light: 'red',
      reason: REASON,
    });
  });

  test('at once where trying again is pointless', () => {
    expect(stateAt(failing(1, { isFinal: true }), 30)).toBe('stuck');
  });

  test('until a sync works', () => {
    const facts = reduce(failing(5), { type: 'sync_succeeded', wall: 123 }, 40);
    expect(statusOf(facts, 40)).toMatchObject({ state: 'synced', reason: null, lastSyncedAt: 123 });
  });

  test('when nothing moves for ten seconds although the server answers pings', () => {
    const started = after(...CONNECTED, [20, { type: 'sync_started' }]);
    const facts = reduce(started, pong(20 + STALL_MS), 20 + STALL_MS);
    expect(stateAt(facts, 20 + STALL_MS)).toBe('synced');
    const later = reduce(facts, pong(21 + STALL_MS), 21 + STALL_MS);
    expect(statusOf(later, 21 + STALL_MS)).toMatchObject({ state: 'stuck', reason: { code: 'STALLED' } });
  });

  test('not while a large answer is being written into the local database', () => {
    const progress = { phase: 'apply' as const, rows: 0, totalRows: 9_999, bytes: 0, totalBytes: null };
    const facts = after(
      ...CONNECTED,
      [20, { type: 'sync_started' }],
      [30, { type: 'sync_moved', progress }],
      [20_000, pong(20_000)],
    );
    expect(stateAt(facts, 20_000)).not.toBe('stuck');
  });
});

test('entries that were refused are told of, and do not count as pending', () => {
  const facts = after(
    ...CONNECTED,
    [20, pong(10)],
    [30, { type: 'counted', pending: 0, refused: [rejection] }],
  );
  expect(statusOf(facts, 30)).toMatchObject({
    state: 'attention',
    light: 'amber',
    pending: 0,
    refused: [rejection],
  });
});

test('incompatible goes before everything else, until a sync works or the data is another', () => {
  const facts = after(...CONNECTED, [20, pong(10)], [30, { type: 'incompatible', reason: REASON }]);
  expect(statusOf(facts, 30)).toMatchObject({ state: 'incompatible', light: 'red', reason: REASON });
  expect(stateAt(reduce(facts, { type: 'sync_succeeded', wall: 1 }, 40), 40)).toBe('synced');
  expect(stateAt(reduce(facts, { type: 'reset', lastPulledAt: null, checkpoint: null }, 40), 40)).toBe(
    'disconnected',
  );
});

describe('progress', () => {
  const moved = (rows: number, totalRows: number | null): SyncEvent => ({
    type: 'sync_moved',
    progress: { phase: 'download', rows, totalRows, bytes: rows * 100, totalBytes: null },
  });

  test('is shown of large syncs at once, with the time that is left', () => {
    const facts = after([0, { type: 'sync_started' }], [1_000, moved(2_500, 10_000)]);
    expect(statusOf(facts, 1_000).progress).toMatchObject({ phase: 'download', rows: 2_500, secondsLeft: 3 });
  });

  test('is shown of small ones when they take long, and not after their end', () => {
    const facts = after([0, { type: 'sync_started' }], [100, moved(1, 3)]);
    expect(statusOf(facts, 100).progress).toBeNull();
    expect(statusOf(facts, 1_000).progress).toMatchObject({ rows: 1, totalRows: 3 });
    const ended = reduce(facts, { type: 'sync_succeeded', wall: 1 }, 1_100);
    expect(statusOf(ended, 2_000).progress).toBeNull();
  });
});

/** Random sequences of events, during which the server's clock rises. */
const histories = fc.array(
  fc.record({
    wait: fc.nat(4_000),
    delay: fc.nat(6_000),
    kind: fc.constantFrom('pong', 'pong', 'pong', 'change', 'pull', 'pull', 'down', 'up', 'edit', 'count'),
  }),
  { minLength: 5, maxLength: 60 },
);

test('whatever happens, green means: all that the server had three seconds ago is here', () => {
  fc.assert(
    fc.property(histories, (steps) => {
      let now = 0;
      let clock = 100;
      let pulled = 100;
      let facts = after(...CONNECTED);
      const clockAt: { from: number; clock: number }[] = [{ from: 0, clock }];
      const serverClock = (moment: number) => clockAt.findLast(({ from }) => from <= moment)!.clock;
      const tell = (event: SyncEvent) => (facts = reduce(facts, event, now));
      for (const { wait, delay, kind } of steps) {
        now += wait;
        if (kind === 'change') clockAt.push({ from: now, clock: (clock += 1) });
        // The server reads its clock between the sending of the ping and the arrival of its answer.
        if (kind === 'pong') {
          const sentAt = Math.max(0, now - delay);
          const readAt = Math.min(now, sentAt + Math.floor(delay / 2));
          tell({ type: 'pong', sentAt, timestamp: serverClock(readAt) });
        }
        if (kind === 'pull') {
          pulled = Math.max(pulled, serverClock(Math.max(0, now - delay)));
          tell({ type: 'pulled', timestamp: pulled });
        }
        if (kind === 'down') tell({ type: 'link_down', failure: null });
        if (kind === 'up') tell({ type: 'link_up', timestamp: clock });
        if (kind === 'edit') tell({ type: 'edited' });
        if (kind === 'count') tell({ type: 'counted', pending: 0, refused: [] });
        const { light, state } = statusOf(facts, now);
        if (light !== 'green') continue;
        expect(isUpToDate(facts, now)).toBe(true);
        expect(pulled).toBeGreaterThanOrEqual(serverClock(Math.max(0, now - PROOF_MS)));
        if (state === 'synced') expect(facts.pending).toBe(0);
      }
    }),
    { numRuns: 500 },
  );
});
