import { forEachDatabase } from '../support/app.js';
import {
  changedIds,
  clockOf,
  expectProblem,
  findRow,
  liveRows,
  pull,
  push,
  store,
} from '../support/exchange.js';
import {
  changes,
  creating,
  deleting,
  evening,
  game,
  player,
  round,
  score,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, the table of `POST /api/v1/sync/push`: the effect of a deleted parent on the rows below it. */
forEachDatabase((database) => {
  const app = shareApp(database);

  describe('a child of a deleted parent', () => {
    async function afterDeletedGame() {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      await push(await device.pair(), deleting({ games: ['a-game'] }), before);
      return { device, before, seen: await clockOf(device) };
    }

    test.each(['created', 'updated'])(
      '(%s) is stored as a tombstone: 200, PARENT_DELETED, and the next pull deletes it',
      async (kind) => {
        const { device, before } = await afterDeletedGame();
        const answer = await push(device, changes({ rounds: { [kind]: [round('new', 'a-game')] } }), before);
        expect(answer.rejected).toEqual([{ table: 'rounds', id: 'new', reason: 'PARENT_DELETED' }]);
        expect((await liveRows(device)).rounds).toEqual([]);
        expect((await changedIds(device, before)).rounds?.deleted).toEqual(['a-round', 'new']);
      },
    );

    test('through its grandparent: a score of a new round of a deleted game', async () => {
      const { device, seen } = await afterDeletedGame();
      const pushed = creating({ scores: [score('s9', 'r9', 'nobody')], rounds: [round('r9', 'a-game')] });
      const answer = await push(device, pushed, seen);
      expect(answer.rejected).toHaveLength(2);
      expect(answer.rejected).toEqual(
        expect.arrayContaining([
          { table: 'rounds', id: 'r9', reason: 'PARENT_DELETED' },
          { table: 'scores', id: 's9', reason: 'PARENT_DELETED' },
        ]),
      );
      expect(await changedIds(device, seen)).toEqual({
        rounds: { updated: [], deleted: ['r9'] },
        scores: { updated: [], deleted: ['s9'] },
      });
    });

    test('of one deleted owner out of two is enough: a score of a live round and a deleted player', async () => {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      await push(device, deleting({ game_players: ['a-ada'] }), before);
      const seen = await clockOf(device);
      const answer = await push(device, creating({ scores: [score('s9', 'a-round', 'a-ada')] }), seen);
      expect(answer.rejected).toEqual([{ table: 'scores', id: 's9', reason: 'PARENT_DELETED' }]);
    });

    test('does not hold back the rest of the push', async () => {
      const { device, seen } = await afterDeletedGame();
      await push(
        device,
        creating({ rounds: [round('r9', 'a-game'), round('r8', 'b-game')], games: [game('b-game')] }),
        seen,
      );
      expect((await liveRows(device)).rounds?.map((row) => row.id)).toEqual(['r8']);
    });

    test('an optional reference to a deleted row is no owner: the row is taken', async () => {
      const { device, seen } = await afterDeletedGame();
      const answer = await push(device, creating({ games: [game('b-game', { winner_id: 'a-ada' })] }), seen);
      expect(answer.rejected).toBeUndefined();
      expect(await findRow(device, 'games', 'b-game')).toMatchObject({ winner_id: 'a-ada' });
    });
  });

  describe('a game deleted with live children', () => {
    test('takes all descendants with it at the same clock value', async () => {
      const device = await app().newDevice();
      const before = await store(device, { ...evening('a'), games: [game('a-game'), game('b-game')] });
      const { timestamp } = await push(device, deleting({ games: ['a-game'] }), before);
      const deleted = {
        game_players: ['a-ada', 'a-bob'],
        games: ['a-game'],
        rounds: ['a-round'],
        scores: ['a-score-ada', 'a-score-bob'],
      };
      const ids = await changedIds(device, before);
      expect(Object.fromEntries(Object.entries(ids).map(([table, { deleted }]) => [table, deleted]))).toEqual(
        deleted,
      );
      expect(await changedIds(device, timestamp)).toEqual({});
      expect((await liveRows(device)).games).toEqual([game('b-game')]);
    });

    test('wins over children that others changed later: the conflict test covers the pushed ids only', async () => {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      const theirs = {
        ...updating({ scores: [{ id: 'a-score-ada', raw_score: 99 }] }),
        ...creating({ rounds: [round('new', 'a-game')] }),
      };
      await push(await device.pair(), theirs, before);
      await push(device, deleting({ games: ['a-game'] }), before);
      expect(Object.values(await liveRows(device)).flat()).toEqual([]);
      expect((await changedIds(device, before)).rounds?.deleted).toEqual(['a-round', 'new']);
    });

    test('is a conflict when the pushed deletion itself meets a later change', async () => {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      await push(await device.pair(), updating({ games: [{ id: 'a-game', name: 'Theirs' }] }), before);
      expectProblem(await device.push(deleting({ games: ['a-game'] }), before), 409, 'PUSH_CONFLICT');
      expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
    });

    test('leaves tombstones below it their older stamp', async () => {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      await push(device, deleting({ scores: ['a-score-ada'] }), before);
      const between = await clockOf(device);
      await push(device, deleting({ games: ['a-game'] }), between);
      expect((await changedIds(device, between)).scores?.deleted).toEqual(['a-score-bob']);
    });
  });

  describe("liveness is judged after the push's own rows are in", () => {
    test('a game deleted and a child created in one push: the child is gone too', async () => {
      const device = await app().newDevice();
      const before = await store(device, evening('a'));
      const pushed = {
        ...deleting({ games: ['a-game'] }),
        ...creating({ rounds: [round('new', 'a-game')] }),
      };
      const answer = await push(device, pushed, before);
      expect(answer.rejected).toEqual([{ table: 'rounds', id: 'new', reason: 'PARENT_DELETED' }]);
      expect((await changedIds(device, before)).rounds?.deleted).toEqual(['a-round', 'new']);
      expect(Object.values(await liveRows(device)).flat()).toEqual([]);
    });

    test('a game made live again and its children in one push: all are live', async () => {
      const device = await app().newDevice();
      const rows = evening('a');
      const before = await store(device, rows);
      await push(device, deleting({ games: ['a-game'] }), before);
      const answer = await push(device, creating(rows), await clockOf(device));
      expect(answer.rejected).toBeUndefined();
      expect(await liveRows(device)).toEqual(rows);
    });

    test('a row moved below a deleted owner goes with it, and what it owns too', async () => {
      const device = await app().newDevice();
      const before = await store(device, { ...evening('a'), games: [game('a-game'), game('b-game')] });
      await push(device, deleting({ games: ['b-game'] }), before);
      const seen = await clockOf(device);
      const answer = await push(device, updating({ rounds: [{ id: 'a-round', game_id: 'b-game' }] }), seen);
      expect(answer.rejected).toEqual([{ table: 'rounds', id: 'a-round', reason: 'PARENT_DELETED' }]);
      expect(await changedIds(device, seen)).toEqual({
        rounds: { updated: [], deleted: ['a-round'] },
        scores: { updated: [], deleted: ['a-score-ada', 'a-score-bob'] },
      });
    });

    test('a row moved away from a game in the push that deletes the game lives on', async () => {
      const device = await app().newDevice();
      const before = await store(device, { ...evening('a'), games: [game('a-game'), game('b-game')] });
      const moved = [player('a-ada', 'b-game'), player('a-bob', 'b-game')];
      const pushed = {
        ...deleting({ games: ['a-game'] }),
        ...updating({ rounds: [{ id: 'a-round', game_id: 'b-game' }], game_players: moved }),
      };
      await push(device, pushed, before);
      const rows = await liveRows(device);
      expect(Object.values(rows).map((list) => list.length)).toEqual([1, 2, 1, 2]);
    });

    test('the missing link of a chain arrives below a deleted owner: what hangs below it goes too', async () => {
      const device = await app().newDevice();
      const before = await store(device, { games: [game('g1')], scores: [score('s1', 'r1', 'p1')] });
      await push(device, deleting({ games: ['g1'] }), before);
      const seen = await clockOf(device);
      await push(device, creating({ rounds: [round('r1', 'g1')] }), seen);
      expect(await changedIds(device, seen)).toEqual({
        rounds: { updated: [], deleted: ['r1'] },
        scores: { updated: [], deleted: ['s1'] },
      });
    });

    test('an unknown owner that is deleted takes the children that waited for it', async () => {
      const device = await app().newDevice();
      const before = await store(device, { scores: [score('s1', 'r1', 'p1')] });
      await push(device, deleting({ rounds: ['r1'] }), before);
      expect(await changedIds(device, before)).toEqual({
        rounds: { updated: [], deleted: ['r1'] },
        scores: { updated: [], deleted: ['s1'] },
      });
    });
  });

  test('children deleted together with their game stay deleted when the game alone comes back', async () => {
    const device = await app().newDevice();
    const before = await store(device, evening('a'));
    await push(device, deleting({ games: ['a-game'] }), before);
    await push(device, creating({ games: [game('a-game')] }), await clockOf(device));
    const { changes: pulled } = await pull(device);
    expect(Object.values(pulled).map((rows) => rows.updated.length)).toEqual([1, 0, 0, 0]);
  });
});
