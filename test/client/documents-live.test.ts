import { SyncError } from '../../client/src/api/sync-error.js';
import { endingOf, waitAfter } from '../../client/src/documents/live/endings.js';
import { nothingKnown, reduce, type Facts, type SyncEvent } from '../../client/src/light/facts.js';
import { statusOf } from '../../client/src/light/status.js';
import type { ErrorCode } from '../../src/protocol/errors.js';

const refusal = (code: ErrorCode, more = {}) => SyncError.from({ code, status: 409, ...more });
const reason = { code: 'LOCK_HELD', message: 'Ada holds the lock.', hint: 'Wait.' };

/** The status after events, each with its moment. */
function statusAfter(now: number, ...events: [at: number, event: SyncEvent][]) {
  const facts = events.reduce<Facts>((known, [at, event]) => reduce(known, event, at), nothingKnown);
  return statusOf(facts, now);
}

const connected: [number, SyncEvent][] = [
  [0, { type: 'link_connecting' }],
  [10, { type: 'link_up', timestamp: 7 }],
  [10, { type: 'pulled', timestamp: 7 }],
  [20, { type: 'pong', sentAt: 15, timestamp: 7 }],
];

test('changes that cannot go show as attention, with the reason, and only while there are any', () => {
  const hindered: [number, SyncEvent] = [30, { type: 'obstacle', reason }];
  const pending: [number, SyncEvent] = [31, { type: 'counted', pending: 2, refused: [] }];
  const gone: [number, SyncEvent] = [32, { type: 'counted', pending: 0, refused: [] }];
  expect(statusAfter(40, ...connected)).toMatchObject({ state: 'synced', light: 'green', reason: null });
  expect(statusAfter(40, ...connected, pending)).toMatchObject({
    state: 'syncing',
    light: 'green',
    reason: null,
  });
  expect(statusAfter(40, ...connected, hindered)).toMatchObject({ state: 'synced', reason: null });
  expect(statusAfter(40, ...connected, hindered, pending)).toMatchObject({
    state: 'attention',
    light: 'amber',
    pending: 2,
    reason,
  });
  expect(statusAfter(40, ...connected, hindered, pending, gone).state).toBe('synced');
  expect(
    statusAfter(40, ...connected, hindered, pending, [33, { type: 'obstacle', reason: null }]).state,
  ).toBe('syncing');
});

test('without a proof of the last 3 s nothing is green, hindered or not', () => {
  const hindered: [number, SyncEvent][] = [
    [30, { type: 'obstacle', reason }],
    [31, { type: 'counted', pending: 2, refused: [] }],
  ];
  expect(statusAfter(3_100, ...connected).light).toBe('yellow');
  expect(statusAfter(3_100, ...connected, ...hindered).light).toBe('yellow');
});

test('a batch that is not answered for 10 s is stuck', () => {
  const sending: [number, SyncEvent][] = [
    [30, { type: 'counted', pending: 2, refused: [] }],
    [31, { type: 'sync_started' }],
    [10_000, { type: 'pong', sentAt: 9_990, timestamp: 7 }],
  ];
  expect(statusAfter(10_010, ...connected, ...sending)).toMatchObject({ state: 'syncing' });
  expect(statusAfter(10_040, ...connected, ...sending)).toMatchObject({ state: 'stuck', light: 'red' });
});

test.each([
  ['PROTOCOL_MISMATCH', 'stop'],
  ['ORIGIN_REFUSED', 'stop'],
  ['BAD_REQUEST', 'stop'],
  ['NOT_FOUND', 'stop'],
  ['DEVICE_REVOKED', 'stop'],
  ['EPOCH_CHANGED', 'download'],
  ['LOCK_REQUIRED', 'watch'],
  ['OVERLOADED', 'retry'],
  ['SHUTTING_DOWN', 'retry'],
  ['TOO_MANY_CONNECTIONS', 'retry'],
  ['RATE_LIMITED', 'retry'],
  ['INTERNAL', 'retry'],
] as const)('after %s it is time to %s', (code, ending) => {
  expect(endingOf(refusal(code), 1, false)).toBe(ending);
});

test('a refused token is fetched anew once', () => {
  for (const code of ['TOKEN_EXPIRED', 'TOKEN_INVALID', 'TOKEN_MISSING'] as const) {
    expect(endingOf(refusal(code), 1, false)).toBe('fresh_token');
    expect(endingOf(refusal(code), 1, true)).toBe('stop');
  }
});

test('a copy with an older schema is downloaded anew, one with a newer one is not the server’s', () => {
  expect(endingOf(refusal('SCHEMA_MISMATCH', { schema_version: 2 }), 1, false)).toBe('download');
  expect(endingOf(refusal('SCHEMA_MISMATCH', { schema_version: 2 }), 3, false)).toBe('stop');
});

test('waits grow from half a second to 30 s, and keep to what the server asks', () => {
  expect([1, 2, 3, 7, 50].map((failures) => waitAfter(failures, null, 0.999999))).toEqual(
    [500, 1_000, 2_000, 30_000, 30_000].map((ms) => expect.closeTo(ms, -1)),
  );
  expect(waitAfter(1, null, 0)).toBe(375);
  expect(waitAfter(1, 7_000, 0)).toBe(7_000);
});
