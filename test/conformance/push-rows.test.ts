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
  games,
  player,
  round,
  score,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, the table of `POST /api/v1/sync/push`: created and updated rows. Deletions are in push-deletions. */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('created, id exists and was not modified since: updated', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1', { target_score: 50 })] });
    await push(device, creating({ games: [{ id: 'g1', name: 'New' }] }), lastPulledAt);
    expect((await liveRows(device)).games).toEqual([game('g1', { name: 'New', target_score: 50 })]);
  });

  test('created, id exists and was modified since: a conflict', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    await push(await device.pair(), creating({ games: [game('g1', { name: 'Theirs' })] }), lastPulledAt);
    const reply = await device.push(creating({ games: [game('g1', { name: 'Mine' })] }), lastPulledAt);
    expectProblem(reply, 409, 'PUSH_CONFLICT');
    expect(reply.body.conflicts).toEqual([{ table: 'games', id: 'g1' }]);
  });

  test('updated, id unknown: created, with defaults for what is absent', async () => {
    const device = await app().newDevice();
    await push(device, updating({ scores: [{ id: 's1', raw_score: 4 }] }), await clockOf(device));
    const zero = { bonus_applied: 0, final_score: 0, total_after: 0 };
    expect(await findRow(device, 'scores', 's1')).toEqual({
      id: 's1',
      round_id: '',
      player_id: '',
      raw_score: 4,
      ...zero,
    });
  });

  describe('the same push again (lost response)', () => {
    const first = {
      ...creating(evening('a')),
      ...changes({ games: { created: [game('a-game')], deleted: ['gone'] } }),
    };

    test('is 200, and neither a row nor the clock changes, with the old last_pulled_at', async () => {
      const device = await app().newDevice();
      const before = await clockOf(device);
      const answer = await push(device, first, before);
      const stored = await pull(device, before);
      const again = await push(device, first, before);
      expect(again).toEqual(answer);
      expect(await pull(device, before)).toEqual(stored);
    });

    test('after corrections: what was truncated, coerced or cleaned equals what is stored', async () => {
      const device = await app().newDevice();
      const before = await clockOf(device);
      const row = {
        id: 'g1',
        name: 'a\u0000b\ud800',
        target_score: 9.9,
        status: 'odd',
        started_at: 1e300,
        ended_at: 'x',
        extra: 1,
      };
      const { timestamp } = await push(device, creating({ games: [row] }), before);
      expect((await push(device, creating({ games: [row] }), before)).timestamp).toBe(timestamp);
      expect(await clockOf(device)).toBe(timestamp);
    });

    test('after another device pushed other rows, is 200 and changes nothing', async () => {
      const device = await app().newDevice();
      const before = await clockOf(device);
      await push(device, first, before);
      await push(await device.pair(), creating({ games: [game('other')] }), before);
      const clock = await clockOf(device);
      await push(device, first, before);
      expect(await clockOf(device)).toBe(clock);
    });

    test('after another device changed one of its rows, is a conflict', async () => {
      const device = await app().newDevice();
      const before = await clockOf(device);
      await push(device, first, before);
      await push(
        await device.pair(),
        updating({ games: [{ id: 'a-game', name: 'Theirs' }] }),
        await clockOf(device),
      );
      const reply = await device.push(first, before);
      expectProblem(reply, 409, 'PUSH_CONFLICT');
      expect(reply.body.conflicts).toEqual([{ table: 'games', id: 'a-game' }]);
    });

    test('rows that are equal keep their stamp when others of the push change', async () => {
      const device = await app().newDevice();
      const before = await store(device, { games: games(2) });
      await push(device, updating({ games: [game('g0'), game('g1', { name: 'New' })] }), before);
      expect(await changedIds(device, before)).toEqual({ games: { updated: ['g1'], deleted: [] } });
    });
  });

  test('a column absent from the row keeps its stored value', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, {
      games: [game('g1', { name: 'Kept', target_score: 7, winner_id: 'p1' })],
    });
    await push(device, updating({ games: [{ id: 'g1', status: 'finished' }] }), lastPulledAt);
    const expected = game('g1', { name: 'Kept', target_score: 7, winner_id: 'p1', status: 'finished' });
    expect(await findRow(device, 'games', 'g1')).toEqual(expected);
  });

  test('rows of one push may each leave out other columns', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(3) });
    const rows = [
      { id: 'g0', name: 'New' },
      { id: 'g1', target_score: 5 },
      { id: 'g2' },
      { id: 'g3', ended_at: 9 },
    ];
    await push(device, updating({ games: rows }), lastPulledAt);
    expect((await liveRows(device)).games).toEqual([
      game('g0', { name: 'New' }),
      game('g1', { target_score: 5 }),
      game('g2'),
      game('g3', { name: null, started_at: 0, ended_at: 9 }),
    ]);
  });

  test('only the columns present are compared: stored values that were pushed again are no conflict', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    await push(
      await device.pair(),
      updating({ games: [{ id: 'g1', name: 'Theirs', target_score: 5 }] }),
      lastPulledAt,
    );
    await push(device, updating({ games: [{ id: 'g1', target_score: 5 }] }), lastPulledAt);
    expectProblem(
      await device.push(updating({ games: [{ id: 'g1', target_score: 6 }] }), lastPulledAt),
      409,
      'PUSH_CONFLICT',
    );
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1', { name: 'Theirs', target_score: 5 }));
  });

  test('every column holds the value of the last accepted push that carried it', async () => {
    const device = await app().newDevice();
    let lastPulledAt = await store(device, { games: [game('g1')] });
    const pushes = [
      { name: 'A' },
      { target_score: 5 },
      { name: 'B', status: 'finished' },
      { ended_at: 3 },
      { name: null },
    ];
    for (const fields of pushes) {
      await push(device, updating({ games: [{ id: 'g1', ...fields }] }), lastPulledAt);
      lastPulledAt = await clockOf(device);
    }
    const expected = game('g1', { name: null, target_score: 5, status: 'finished', ended_at: 3 });
    expect(await findRow(device, 'games', 'g1')).toEqual(expected);
  });

  describe('an id twice in one table of one push is one row', () => {
    test('the last content wins: of two created, of two updated, of created and updated', async () => {
      const device = await app().newDevice();
      const two = (id: string) => [game(id, { name: 'First' }), game(id, { name: 'Last' })];
      await push(
        device,
        changes({
          games: {
            created: [...two('cc'), game('cu', { name: 'First' })],
            updated: [...two('uu'), game('cu', { name: 'Last' })],
          },
        }),
        await clockOf(device),
      );
      const names = (await liveRows(device)).games?.map((row) => [row.id, row.name]);
      expect(names).toEqual([
        ['cc', 'Last'],
        ['cu', 'Last'],
        ['uu', 'Last'],
      ]);
    });

    test('a delete wins over both', async () => {
      const device = await app().newDevice();
      const before = await store(device, { games: [game('old')] });
      const both = [game('old', { name: 'New' }), game('new')];
      await push(
        device,
        changes({ games: { created: both, updated: both, deleted: ['old', 'new', 'old'] } }),
        before,
      );
      expect((await pull(device, before)).changes.games?.updated).toEqual([]);
      expect((await changedIds(device, before)).games?.deleted).toEqual(['new', 'old']);
    });

    test('the same id in another table is another row', async () => {
      const device = await app().newDevice();
      await store(device, {
        games: [game('x')],
        rounds: [round('x', 'x')],
        game_players: [player('x', 'x')],
      });
      expect(Object.values(await liveRows(device)).flat()).toHaveLength(3);
    });
  });

  test('child before its parent: the order in the JSON does not matter', async () => {
    const device = await app().newDevice();
    const rows = creating(evening('a'));
    const backwards = Object.fromEntries(Object.entries(rows).reverse());
    const answer = await push(device, backwards, await clockOf(device));
    expect(answer.rejected).toBeUndefined();
    expect(Object.values(await liveRows(device)).flat()).toHaveLength(6);
  });

  test('parent unknown: the child is stored, and belongs to the parent when that comes later', async () => {
    const device = await app().newDevice();
    const child = { scores: [score('s1', 'r1', 'p1')] };
    await store(device, child);
    expect((await liveRows(device)).scores).toEqual(child.scores);
    const lastPulledAt = await store(device, { rounds: [round('r1', 'g1')], games: [game('g1')] });
    await push(device, deleting({ games: ['g1'] }), lastPulledAt);
    expect((await changedIds(device, lastPulledAt)).scores?.deleted).toEqual(['s1']);
  });

  describe('an id that another account also uses', () => {
    test('is its own row: the other account is neither touched nor revealed', async () => {
      const mine = await app().newDevice();
      const theirs = await app().newDevice();
      await store(theirs, evening('a'));
      const before = await pull(theirs);
      const lastPulledAt = await clockOf(mine);
      const answer = await push(mine, creating({ games: [game('a-game', { name: 'Mine' })] }), lastPulledAt);
      expect(answer).toEqual({ ok: true, timestamp: expect.any(Number), checkpoint: expect.any(String) });
      await push(mine, deleting({ games: ['a-game'], scores: ['a-score-ada'] }), await clockOf(mine));
      expect(await pull(theirs)).toEqual(before);
    });

    test("a reference to another account's row is simply unknown: no cascade crosses accounts", async () => {
      const mine = await app().newDevice();
      const theirs = await app().newDevice();
      const lastPulledAt = await store(theirs, { games: [game('shared')] });
      const answer = await push(mine, creating({ rounds: [round('r1', 'shared')] }), await clockOf(mine));
      expect(answer.rejected).toBeUndefined();
      await push(theirs, deleting({ games: ['shared'] }), lastPulledAt);
      expect(await findRow(mine, 'rounds', 'r1')).toEqual(round('r1', 'shared'));
      await push(mine, creating({ rounds: [round('r2', 'shared')] }), await clockOf(mine));
      expect(await findRow(mine, 'rounds', 'r2')).toBeDefined();
    });
  });
});
