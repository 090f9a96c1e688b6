import type { Reply, TestDevice } from '../support/device.js';
import { clockOf, pull, push } from '../support/exchange.js';
import { creating, game } from '../support/records.js';

/** Repeats other requests while one is under way. @returns its answer, and how many others were answered before it */
async function answeredMeanwhile(
  request: Promise<Reply>,
  ask: () => Promise<unknown>,
): Promise<[reply: Reply, others: number]> {
  let isUnderWay = true;
  const ended = request.finally(() => (isUnderWay = false));
  let others = 0;
  while (isUnderWay) {
    await ask();
    if (isUnderWay) others += 1;
  }
  return [await ended, others];
}

/** Pushes so many games at once, and checks that another account is served meanwhile. */
export async function expectLargePush(device: TestDevice, rows: number, other: TestDevice): Promise<void> {
  const games = Array.from({ length: rows }, (_, index) => game(`g${index}`, { name: `Game ${index}` }));
  const body = JSON.stringify({ changes: creating({ games }), last_pulled_at: await clockOf(device) });
  const pushing = device.request('POST', '/sync/push', { body });
  const [reply, served] = await answeredMeanwhile(pushing, () => pull(other));
  expect(reply.status).toBe(200);
  // The first one may have been answered before the push arrived.
  expect(served).toBeGreaterThan(1);
  expect((await push(other, creating({ games: [game('g1')] }), await clockOf(other))).ok).toBe(true);
}

/** Pulls so many games at once, every one once, and checks that another account is served meanwhile. */
export async function expectLargePull(device: TestDevice, rows: number, other: TestDevice): Promise<void> {
  const [reply, served] = await answeredMeanwhile(device.pull(), () => clockOf(other));
  expect(reply.headers.get('tidemark-rows')).toBe(String(rows));
  const { updated } = reply.body.changes.games as { updated: { id: string }[] };
  expect(new Set(updated.map(({ id }) => id)).size).toBe(rows);
  expect(served).toBeGreaterThan(1);
}
