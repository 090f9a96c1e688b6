import fc from 'fast-check';
import { decide, heldAt, NEVER_LOCKED } from '../../src/locks/lock-rules.js';
import type { Lock, LockRow } from '../../src/locks/lock.js';
import { job, person, request, TTL_MS } from './support.js';

const NOW = 1_800_000_000_000;
const [ada, adasPhone, grace] = [person('ada'), person('ada', 'ada-phone'), person('grace')];
const [pipeline, otherJob] = [job('pipeline'), job('other-job')];

/** The row after `session` has taken the lock for the first time. */
function lockedBy(session: typeof ada): LockRow {
  return apply(NEVER_LOCKED, session, NOW);
}

function apply(row: LockRow, session: typeof ada, now: number): LockRow {
  const decision = decide(row, request(session, { takeOver: true }), now, TTL_MS);
  if (decision.outcome === 'refuse') throw new Error('refused');
  return { lock: decision.lock, fencingToken: decision.lock.fencingToken };
}

const outcomes = (row: LockRow, session: typeof ada) =>
  [false, true].map((takeOver) => decide(row, request(session, { takeOver }), NOW, TTL_MS).outcome);

test.each([
  ['a free lock', 'is granted to anybody', NEVER_LOCKED, ada, ['grant', 'grant']],
  ['a free lock', 'is granted to a job', NEVER_LOCKED, pipeline, ['grant', 'grant']],
  ['one’s own lock', 'is renewed', lockedBy(ada), ada, ['renew', 'renew']],
  [
    'a lock of another session of one’s own',
    'is transferred',
    lockedBy(ada),
    adasPhone,
    ['transfer', 'transfer'],
  ],
  ['a lock of another user', 'can be taken over', lockedBy(ada), grace, ['refuse', 'transfer']],
  [
    'a lock of another user whose session has the same id',
    'is a lock of another user',
    lockedBy(ada),
    person('grace', ada.sessionId),
    ['refuse', 'transfer'],
  ],
  ['a person’s lock', 'can be taken over by a job', lockedBy(ada), pipeline, ['refuse', 'transfer']],
  ['a job’s lock', 'is never taken by a person', lockedBy(pipeline), ada, ['refuse', 'refuse']],
  [
    'a job’s lock',
    'is never taken by a person with the same session id',
    lockedBy(pipeline),
    person('ada', pipeline.sessionId),
    ['refuse', 'refuse'],
  ],
  ['a job’s lock', 'is renewed by the same job', lockedBy(pipeline), pipeline, ['renew', 'renew']],
  ['a job’s lock', 'can be taken over by another job', lockedBy(pipeline), otherJob, ['refuse', 'transfer']],
])('%s %s', (_lock, _rule, row, session, [asked, takenOver]) => {
  expect(outcomes(row, session)).toEqual([asked, takenOver]);
});

test('a lease ends at the millisecond it was promised until', () => {
  const row = lockedBy(ada);
  expect(heldAt(NOW + TTL_MS - 1, row)).toEqual(row.lock);
  expect(heldAt(NOW + TTL_MS, row)).toBeNull();
});

test('a renewal prolongs, keeps the token, and changes the reason only when it gives one', () => {
  const row = lockedBy(ada);
  const renewed = decide(row, request(ada, { reason: 'captions' }), NOW + 1_000, TTL_MS);
  const lock = { ...row.lock!, reason: 'captions', expiresAt: NOW + 1_000 + TTL_MS };
  expect(renewed).toEqual({ outcome: 'renew', lock });
  const again = decide({ lock, fencingToken: 1 }, request(ada), NOW + 2_000, TTL_MS);
  expect(again).toEqual({ outcome: 'renew', lock: { ...lock, expiresAt: NOW + 2_000 + TTL_MS } });
});

test('a renewal by a process whose clock is behind takes nothing back of what was promised', () => {
  const row = lockedBy(ada);
  const renewed = decide(row, request(ada), NOW - 5_000, TTL_MS);
  expect(renewed).toMatchObject({ outcome: 'renew', lock: { expiresAt: row.lock!.expiresAt } });
});

describe('whatever happens', () => {
  const session = fc.constantFrom(ada, adasPhone, grace, person('grace', ada.sessionId), pipeline, otherJob);
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ does: fc.constant('ask' as const), session, takeOver: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('release' as const), session }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.nat(2 * TTL_MS) }) },
  );

  const isHolder = (lock: Lock | null, { sessionId, userId }: typeof ada) =>
    lock?.holder.sessionId === sessionId && lock.holder.userId === userId;

  test('the token grows with every change of holder and with nothing else, and nobody loses a lock but by the rules', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let row = NEVER_LOCKED;
        let now = NOW;
        for (const action of steps) {
          const before = heldAt(now, row);
          const newest = row.fencingToken;
          if (action.does === 'wait') now += action.ms;
          if (action.does === 'release' && isHolder(before, action.session)) row = { ...row, lock: null };
          if (action.does !== 'ask') continue;
          const { takeOver } = action;
          const decision = decide(row, request(action.session, { takeOver }), now, TTL_MS);
          if (decision.outcome === 'refuse') {
            expect(decision.held).toEqual(before);
            expect(isHolder(before, action.session)).toBe(false);
            continue;
          }
          const { lock } = decision;
          const isSame = isHolder(before, action.session);
          expect(decision.outcome === 'renew').toBe(isSame);
          expect(lock.fencingToken).toBe(isSame ? newest : newest + 1);
          expect(isHolder(lock, action.session)).toBe(true);
          expect(lock.expiresAt).toBe(now + TTL_MS);
          const isOfAnother = before && before.holder.userId !== action.session.userId;
          if (isOfAnother) expect(takeOver).toBe(true);
          if (before?.type === 'server') expect(lock.type).toBe('server');
          row = { lock, fencingToken: lock.fencingToken };
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
