import { Metrics } from '../../src/operations/metrics.js';
import { forEachDatabase } from '../support/app.js';
import { clockOf, push, store } from '../support/exchange.js';
import { changes, creating, deleting, game, games, player } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, the table of `POST /api/v1/sync/push`: what `adjusted` tells of values that were stored otherwise. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const [G, P] = ['games', 'game_players'];

  test.each([
    ['an unknown column', G, { nickname: 'x' }, 'nickname', 'COLUMN_UNKNOWN'],
    ['an unknown column with null', G, { nickname: null }, 'nickname', 'COLUMN_UNKNOWN'],
    ['a column of the server', G, { last_modified: 5 }, 'last_modified', 'COLUMN_UNKNOWN'],
    ['a name that objects inherit', G, { toString: 1 }, 'toString', 'COLUMN_UNKNOWN'],
    ['a text outside of a choice', G, { status: 'paused' }, 'status', 'CHOICE_UNKNOWN'],
    ['null in a choice', G, { status: null }, 'status', 'CHOICE_UNKNOWN'],
    ['text in an integer', G, { target_score: '5' }, 'target_score', 'TYPE_WRONG'],
    ['null in a required integer', G, { target_score: null }, 'target_score', 'TYPE_WRONG'],
    ['an object in a text', G, { name: { a: 1 } }, 'name', 'TYPE_WRONG'],
    ['a number in a reference', P, { game_id: 7 }, 'game_id', 'TYPE_WRONG'],
    ['a fraction in an integer', G, { target_score: 9.5 }, 'target_score', 'NUMBER_FITTED'],
    ['a number out of range', G, { ended_at: 1e20 }, 'ended_at', 'NUMBER_FITTED'],
    ['NUL in a text', G, { name: 'a\u0000b' }, 'name', 'TEXT_CLEANED'],
    ['half a character', G, { name: 'a\ud83d' }, 'name', 'TEXT_CLEANED'],
  ])('%s', async (_, table, values, column, reason) => {
    const device = await app().newDevice();
    const row = { ...(table === G ? game('r1') : player('r1', 'g1')), ...values };
    const expected = [{ table, id: 'r1', column, reason }];
    const before = await clockOf(device);
    const first = await push(device, creating({ [table]: [row] }), before);
    expect(first).toMatchObject({ adjusted: expected });
    expect(first).not.toHaveProperty('rejected');
    // Again with the answer lost: nothing changes, and it is told again.
    const again = await push(device, creating({ [table]: [row] }), before);
    expect(again).toMatchObject({ timestamp: first.timestamp, adjusted: expected });
  });

  test('nothing is told of what is stored as it was pushed, nor of the columns of WatermelonDB itself', async () => {
    const device = await app().newDevice();
    const rows = [
      { ...game('g1'), _status: 'created', _changed: 'name' },
      { id: 'g2' },
      game('g3', { target_score: -0 }),
    ];
    expect(await push(device, creating({ games: rows }), await clockOf(device))).not.toHaveProperty(
      'adjusted',
    );
  });

  test('nor of records that are refused or deleted in the same push; a record pushed twice is told once', async () => {
    const device = await app().newDevice();
    const odd = (id: string, more = {}) => ({ ...game(id), nickname: 'x', ...more });
    const answer = await push(
      device,
      changes({
        games: {
          created: [odd('g1'), odd('not an id'), odd('g2', { name: 'x'.repeat(5_000) }), odd('g3')],
          updated: [odd('g1')],
          deleted: ['g3'],
        },
      }),
      await clockOf(device),
    );
    expect(answer.adjusted).toEqual([{ table: G, id: 'g1', column: 'nickname', reason: 'COLUMN_UNKNOWN' }]);
    expect(answer).not.toHaveProperty('adjusted_more');
  });

  test('nor of records that the merge rejects, which leave the list to those that are stored', async () => {
    const device = await app().newDevice();
    const before = await store(device, { games: [game('dead')] });
    await push(device, deleting({ games: ['dead'] }), before);
    const odd = { nickname: 'x' };
    const dead = Array.from({ length: 150 }, (_, n) => ({ ...player(`p${n}`, 'dead'), ...odd }));
    const answer = await push(
      device,
      changes({
        games: { updated: [{ ...game('dead'), ...odd }], created: [{ ...game('g1'), ...odd }] },
        game_players: { created: dead },
      }),
      await clockOf(device),
    );
    expect(answer.rejected).toHaveLength(151);
    expect(answer.adjusted).toEqual([{ table: G, id: 'g1', column: 'nickname', reason: 'COLUMN_UNKNOWN' }]);
    expect(answer).not.toHaveProperty('adjusted_more');

    const refused = games(120, 'r').map((row) => ({ ...row, ...odd, name: 'x'.repeat(5_000) }));
    const only = await push(device, creating({ games: refused }), await clockOf(device));
    expect(only.rejected).toHaveLength(120);
    expect(only).not.toHaveProperty('adjusted');
    expect(only).not.toHaveProperty('adjusted_more');
  });

  test('at most 100 are listed, then counted; a long name is cut', async () => {
    const device = await app().newDevice();
    const column = 'c'.repeat(5_000);
    const rows = games(70).map((row) => ({ ...row, [column]: 1, other: 2 }));
    const answer = await push(device, creating({ games: rows }), await clockOf(device));
    expect(answer.adjusted).toHaveLength(100);
    expect(answer.adjusted_more).toBe(40);
    expect(answer.adjusted![0]!.column).toBe(`${'c'.repeat(64)}…`);
  });

  test('the operator’s metric counts once per device, schema version and column', async () => {
    const counted = async () =>
      Number(/^tidemark_push_adjusted_columns_total (\d+)$/m.exec(await app().nest.get(Metrics).text())![1]);
    const device = await app().newDevice();
    const other = await device.pair();
    const odd = (id: string) => creating({ games: [{ ...game(id), nickname: 'x', mood: 1 }] });
    const before = await counted();
    await push(device, odd('g1'), await clockOf(device));
    await push(device, odd('g2'), await clockOf(device));
    expect(await counted()).toBe(before + 2);
    await push(other, odd('g3'), await clockOf(other));
    await push(device, odd('g4'), await clockOf(device), { schema_version: '1' });
    expect(await counted()).toBe(before + 6);
  });
});
