import { SyncError } from '@tidemark/client';
import { waitAfter } from '../../../client/src/light/pace';

const error = (code: string, status = 0, retryAfterMs: number | null = null) =>
  new SyncError(code, 'It failed.', 'Try again.', status, retryAfterMs);

/** The shortest and the longest of 200 random waiting times, milliseconds. */
function range(thrown: SyncError, failures: number, isLinkUp = false): [number, number] {
  const waits = Array.from({ length: 200 }, () => waitAfter(thrown, failures, isLinkUp));
  return [Math.min(...waits), Math.max(...waits)];
}

test('waiting times double from 2 s to 5 min, never the same for all', () => {
  const [shortest, longest] = range(error('INTERNAL', 500), 1);
  expect(shortest).toBeGreaterThanOrEqual(1_500);
  expect(longest).toBeLessThanOrEqual(2_500);
  expect(longest - shortest).toBeGreaterThan(200);
  expect(range(error('INTERNAL', 500), 3)[0]).toBeGreaterThanOrEqual(6_000);
  expect(range(error('INTERNAL', 500), 30)[1]).toBeLessThanOrEqual(375_000);
});

test('what the server asks for is the least', () => {
  expect(range(error('OVERLOADED', 503, 30_000), 1)[0]).toBeGreaterThanOrEqual(30_000);
});

test('while the live connection works, a lost request is made again soon', () => {
  expect(range(error('STALLED'), 1, true)[1]).toBeLessThan(500);
  expect(range(error('NO_ANSWER'), 20, true)[1]).toBeLessThan(4_000);
  expect(range(error('NO_ANSWER'), 20, false)[0]).toBeGreaterThan(60_000);
});

test('a lost race is run again soon, and a pull that was missing at once', () => {
  expect(range(error('PUSH_CONFLICT', 409), 1)[1]).toBeLessThan(500);
  expect(range(error('PULL_REQUIRED', 409), 1)).toEqual([0, 0]);
});

test('what cannot work is left alone for long', () => {
  expect(range(error('QUOTA_EXCEEDED', 403), 1)[0]).toBeGreaterThan(200_000);
});
