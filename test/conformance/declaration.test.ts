import { forEachDatabase } from '../support/app.js';
import { clockOf, findRow, liveRows, pull, push, store } from '../support/exchange.js';
import {
  creating,
  deleting,
  evening,
  game,
  games,
  player,
  round,
  score,
  tableNames,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, "Records": the four collections and the rules for all of them. */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('the four collections are games, game_players, rounds and scores', async () => {
    const device = await app().newDevice();
    expect(Object.keys((await pull(device)).changes).sort()).toEqual([
      'game_players',
      'games',
      'rounds',
      'scores',
    ]);
    expect([...tableNames].sort()).toEqual(['game_players', 'games', 'rounds', 'scores']);
  });

  test('every column of every collection keeps the value it was pushed with', async () => {
    const device = await app().newDevice();
    const rows = {
      games: [
        game('g1', {
          name: 'Été 🎲',
          target_score: 250,
          status: 'finished',
          winner_id: 'p1',
          ended_at: 1_790_000_100_000,
        }),
        game('g2', { name: null, status: 'abandoned', target_score: -5 }),
      ],
      game_players: [player('p1', 'g1', { name: 'Zoë', position: 3, current_total: -12 })],
      rounds: [round('r1', 'g1', { round_number: 20, caller_id: 'p1', created_at: 1 })],
      scores: [
        score('s1', 'r1', 'p1', { raw_score: -3, bonus_applied: 10, final_score: 7, total_after: 99 }),
      ],
    };
    await store(device, rows);
    expect(await liveRows(device)).toEqual(rows);
  });

  test("a row pushed with nothing but its id gets every column's default", async () => {
    const device = await app().newDevice();
    const bare = (id: string) => [{ id }];
    await store(device, {
      games: bare('g1'),
      game_players: bare('p1'),
      rounds: bare('r1'),
      scores: bare('s1'),
    });
    expect(await liveRows(device)).toEqual({
      games: [
        {
          id: 'g1',
          name: null,
          target_score: 100,
          status: 'active',
          winner_id: null,
          started_at: 0,
          ended_at: null,
        },
      ],
      game_players: [{ id: 'p1', game_id: '', name: '', position: 0, current_total: 0 }],
      rounds: [{ id: 'r1', game_id: '', round_number: 0, caller_id: null, created_at: 0 }],
      scores: [
        {
          id: 's1',
          round_id: '',
          player_id: '',
          raw_score: 0,
          bonus_applied: 0,
          final_score: 0,
          total_after: 0,
        },
      ],
    });
  });

  test.each([
    ['games', 'a-game', { games: [], game_players: [], rounds: [], scores: [] }],
    [
      'game_players',
      'a-ada',
      { games: ['a-game'], game_players: ['a-bob'], rounds: ['a-round'], scores: ['a-score-bob'] },
    ],
    ['rounds', 'a-round', { games: ['a-game'], game_players: ['a-ada', 'a-bob'], rounds: [], scores: [] }],
  ])('deleting a row of %s deletes what it owns and nothing else', async (table, id, left) => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    await push(device, deleting({ [table]: [id] }), lastPulledAt);
    const rows = await liveRows(device);
    expect(
      Object.fromEntries(Object.entries(rows).map(([name, list]) => [name, list.map((row) => row.id)])),
    ).toEqual(left);
  });

  test('deleting a player leaves the game it won and the round it called, references included', async () => {
    const device = await app().newDevice();
    const rows = evening('a');
    const lastPulledAt = await store(device, {
      games: [game('a-game', { winner_id: 'a-ada' })],
      game_players: rows.game_players,
      rounds: [round('a-round', 'a-game', { caller_id: 'a-ada' })],
    });
    await push(device, deleting({ game_players: ['a-ada'] }), lastPulledAt);
    expect(await findRow(device, 'games', 'a-game')).toMatchObject({ winner_id: 'a-ada' });
    expect(await findRow(device, 'rounds', 'a-round')).toMatchObject({ caller_id: 'a-ada' });
  });

  test("ids are the client's own: 1 to 64 characters of letters, digits and _.-", async () => {
    const device = await app().newDevice();
    const ids = ['0', 'Z', '-', '.', '_', '...', 'a.b-c_D', 'x'.repeat(64), 'Ab3dEf6hIj9lMn2p'];
    await store(device, { games: ids.map((id) => game(id)) });
    expect((await liveRows(device)).games?.map((row) => row.id).sort()).toEqual([...ids].sort());
  });

  test('ids differing only in case are different rows', async () => {
    const device = await app().newDevice();
    await store(device, { games: [game('abc', { name: 'small' }), game('ABC', { name: 'large' })] });
    expect(await findRow(device, 'games', 'abc')).toMatchObject({ name: 'small' });
    expect(await findRow(device, 'games', 'ABC')).toMatchObject({ name: 'large' });
  });

  test('server-only columns are neither accepted nor sent', async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    const intruder = {
      account_id: other.accountId,
      last_modified: 1,
      is_deleted: true,
      server_created_at: 1,
    };
    const lastPulledAt = await store(device, { games: [{ ...game('g1'), ...intruder }] });
    await push(device, updating({ games: [{ ...game('g1', { name: 'New' }), ...intruder }] }), lastPulledAt);
    expect((await liveRows(device)).games).toEqual([game('g1', { name: 'New' })]);
    expect((await pull(device, lastPulledAt)).changes.games?.updated).toHaveLength(1);
    expect((await liveRows(other)).games).toEqual([]);
  });

  test('current_total and total_after are stored as pushed and never computed by the server', async () => {
    const device = await app().newDevice();
    const rows = evening('a');
    const lastPulledAt = await store(device, rows);
    await push(device, updating({ scores: [{ id: 'a-score-ada', final_score: 50 }] }), lastPulledAt);
    expect(await findRow(device, 'scores', 'a-score-ada')).toMatchObject({ final_score: 50, total_after: 7 });
    expect(await findRow(device, 'game_players', 'a-ada')).toMatchObject({ current_total: 0 });
  });

  test('rows are kept under account and id: a push never needs the owner to exist', async () => {
    const device = await app().newDevice();
    const answer = await push(
      device,
      creating({ scores: [score('s1', 'nowhere', 'nobody')] }),
      await clockOf(device),
    );
    expect(answer.rejected).toBeUndefined();
    await store(device, { games: games(1) });
    expect(await findRow(device, 'scores', 's1')).toEqual(score('s1', 'nowhere', 'nobody'));
  });
});
