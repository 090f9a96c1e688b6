import { forEachDatabase, startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { changedIds, clockOf, expectProblem, liveRows, push, store } from '../support/exchange.js';
import { changes, creating, deleting, evening, game, games, round, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, the table of `POST /api/v1/sync/push`: deletions and tombstones. For cascades see push-owners. */
forEachDatabase((database) => {
  const app = shareApp(database);

  /** A device whose account has the tombstone of game `g1`, and the clock after and before it. */
  async function withTombstone(): Promise<{ device: TestDevice; seen: number; before: number }> {
    const device = await app().newDevice();
    const before = await store(device, { games: [game('g1')] });
    await push(device, deleting({ games: ['g1'] }), before);
    return { device, before, seen: await clockOf(device) };
  }

  test('deleted, already deleted: 200, and the tombstone keeps its stamp', async () => {
    const { device, before, seen } = await withTombstone();
    for (const lastPulledAt of [seen, before]) {
      expect(await push(device, deleting({ games: ['g1'] }), lastPulledAt)).toEqual({
        ok: true,
        timestamp: seen,
        checkpoint: expect.any(String),
      });
    }
    expect(await changedIds(device, seen)).toEqual({});
  });

  describe('deleted, id unknown', () => {
    test('leaves a tombstone, so that a create arriving late does not resurrect it', async () => {
      const device = await app().newDevice();
      const late = await device.pair();
      const before = await clockOf(device);
      await push(device, deleting({ games: ['g1'] }), before);
      expectProblem(await late.push(creating({ games: [game('g1')] }), before), 409, 'PUSH_CONFLICT');
      expect(await changedIds(late, before)).toEqual({ games: { updated: [], deleted: ['g1'] } });
      expect((await liveRows(device)).games).toEqual([]);
    });

    test('counts towards the quota', async () => {
      await using own = await startApp(database, { env: { MAX_ROWS_PER_ACCOUNT: '5' } });
      const device = await own.newDevice();
      const before = await clockOf(device);
      await push(device, deleting({ games: ['t0', 't1', 't2', 't3'] }), before);
      expectProblem(
        await device.push(creating({ games: games(2) }), await clockOf(device)),
        403,
        'QUOTA_EXCEEDED',
      );
      expectProblem(
        await device.push(deleting({ games: ['t4', 't5'] }), await clockOf(device)),
        403,
        'QUOTA_EXCEEDED',
      );
      await push(device, creating({ games: games(1) }), await clockOf(device));
    });
  });

  test.each(['created', 'updated'])(
    '%s, deleted on the server after lpa: 409, and the next pull lists it in deleted',
    async (kind) => {
      const { device, before } = await withTombstone();
      const reply = await device.push(changes({ games: { [kind]: [game('g1', { name: 'Late' })] } }), before);
      expectProblem(reply, 409, 'PUSH_CONFLICT');
      expect(reply.body.conflicts).toEqual([{ table: 'games', id: 'g1' }]);
      expect(await changedIds(device, before)).toEqual({ games: { updated: [], deleted: ['g1'] } });
    },
  );

  test('updated, deleted on the server before lpa: stays deleted, rejected as DELETED, and the next pull deletes it', async () => {
    const { device, seen } = await withTombstone();
    const answer = await push(device, updating({ games: [game('g1', { name: 'Late' })] }), seen);
    expect(answer.rejected).toEqual([{ table: 'games', id: 'g1', reason: 'DELETED' }]);
    expect(answer.timestamp).toBeGreaterThan(seen);
    expect((await liveRows(device)).games).toEqual([]);
    expect(await changedIds(device, seen)).toEqual({ games: { updated: [], deleted: ['g1'] } });
  });

  test('updated, deleted before lpa: the rest of the push is applied', async () => {
    const { device, seen } = await withTombstone();
    await push(device, changes({ games: { updated: [game('g1')], created: [game('g2')] } }), seen);
    expect((await liveRows(device)).games).toEqual([game('g2')]);
  });

  test('created, id has a tombstone the client had seen: live again', async () => {
    const { device, seen } = await withTombstone();
    const answer = await push(device, creating({ games: [game('g1', { name: 'Back' })] }), seen);
    expect(answer.rejected).toBeUndefined();
    expect((await liveRows(device)).games).toEqual([game('g1', { name: 'Back' })]);
    expect(await changedIds(device, seen)).toEqual({ games: { updated: ['g1'], deleted: [] } });
  });

  test('created, id has a seen tombstone, but an owner is deleted: stays deleted', async () => {
    const device = await app().newDevice();
    const before = await store(device, evening('a'));
    await push(device, deleting({ games: ['a-game'] }), before);
    const seen = await clockOf(device);
    const answer = await push(device, creating({ rounds: [round('a-round', 'a-game')] }), seen);
    expect(answer.rejected).toEqual([{ table: 'rounds', id: 'a-round', reason: 'PARENT_DELETED' }]);
    expect((await liveRows(device)).rounds).toEqual([]);
    expect((await changedIds(device, seen)).rounds?.deleted).toEqual(['a-round']);
  });
});
