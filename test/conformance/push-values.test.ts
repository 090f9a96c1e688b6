import { forEachDatabase, startApp } from '../support/app.js';
import { clockOf, expectProblem, findRow, liveRows, push, stateOf, store } from '../support/exchange.js';
import { changes, creating, deleting, game, games, player, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

const MAX = Number.MAX_SAFE_INTEGER;

/** records.md, the table of `POST /api/v1/sync/push`: names, values and refusals. */
forEachDatabase((database) => {
  const app = shareApp(database);

  describe('an unknown table', () => {
    test('that is not empty gives its ids back in experimentalRejectedIds, and the rest commits', async () => {
      const device = await app().newDevice();
      const pushed = {
        ...changes({ boats: { created: [{ id: 'b1' }], updated: [{ id: 'b2' }], deleted: ['b3'] } }),
        ...creating({ games: [game('g1')] }),
      };
      const answer = await push(device, pushed, await clockOf(device));
      expect(answer.experimentalRejectedIds?.boats?.sort()).toEqual(expect.arrayContaining(['b1', 'b2']));
      expect(answer.rejected).toEqual(
        expect.arrayContaining([{ table: 'boats', id: 'b1', reason: 'TABLE_UNKNOWN' }]),
      );
      expect((await liveRows(device)).games).toEqual([game('g1')]);
    });

    test('that is empty is ignored', async () => {
      const device = await app().newDevice();
      const answer = await push(device, changes({ boats: {} }), await clockOf(device));
      expect(Object.keys(answer).sort()).toEqual(['checkpoint', 'ok', 'timestamp']);
    });

    test.each([
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'accounts',
      'devices',
      'migrations',
      'games; --',
      'GAMES',
    ])('may be called %p', async (name) => {
      const device = await app().newDevice();
      const body = `{"changes":{${JSON.stringify(name)}:{"created":[{"id":"x1"}],"updated":[],"deleted":[]},
          "games":{"created":[{"id":"g1"}],"updated":[],"deleted":[]}},"last_pulled_at":${await clockOf(device)}}`;
      const reply = await device.request('POST', '/sync/push', { body });
      expect(reply.status).toBe(200);
      const rejected = new Map(
        Object.entries(reply.body.experimentalRejectedIds as Record<string, string[]>),
      );
      expect(rejected.get(name)).toEqual(['x1']);
      expect((await liveRows(device)).games).toHaveLength(1);
    });
  });

  test.each([
    'unknown',
    'account_id',
    'last_modified',
    'is_deleted',
    '_status',
    '_changed',
    '__proto__',
    'constructor',
    'toString',
    '',
  ])('the column %p is stripped, and the rest of the row is taken', async (column) => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    const row = JSON.stringify(game('g1')).replace(
      '{',
      `{${JSON.stringify(column)}:{"name":"x","is_deleted":1},`,
    );
    const body = `{"changes":{"games":{"created":[${row}],"updated":[],"deleted":[]}},"last_pulled_at":${lastPulledAt}}`;
    expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
    expect((await liveRows(device)).games).toEqual([game('g1')]);
  });

  describe('a value that does not fit', () => {
    test.each([
      ['target_score', ['5', null, true, [], {}, [5]], 0],
      ['target_score', [9.99], 9],
      ['target_score', [-9.99], -9],
      ['target_score', [0.4, -0.4, 0, -0], 0],
      ['target_score', [2 ** 53, 1e308, 9.3e18], MAX],
      ['target_score', [-(2 ** 53), -1e308], -MAX],
      ['ended_at', ['5', null, false, {}], null],
      ['ended_at', [1e20], MAX],
      ['name', [5, null, true, ['x'], { x: 1 }], null],
      ['winner_id', [5, null, {}], null],
    ])('in the column %s of games: %j becomes %p', async (column, values, expected) => {
      const device = await app().newDevice();
      const rows = values.map((value, index) => ({ ...game(`g${index}`), [column]: value }));
      await push(device, creating({ games: rows }), await clockOf(device));
      const stored = (await liveRows(device)).games?.map((row) => row[column]);
      expect(stored).toEqual(values.map(() => expected));
    });

    test.each([
      ['name', [5, null, false, {}], ''],
      ['position', ['x', null, {}], 0],
      ['game_id', [null, 7, {}], ''],
    ])('in the required column %s of game_players: %j becomes %p', async (column, values, expected) => {
      const device = await app().newDevice();
      const rows = values.map((value, index) => ({ ...player(`p${index}`, 'g1'), [column]: value }));
      await push(device, creating({ game_players: rows }), await clockOf(device));
      const stored = (await liveRows(device)).game_players?.map((row) => row[column]);
      expect(stored).toEqual(values.map(() => expected));
    });

    test('a number too large for a double in the JSON text is no number', async () => {
      const device = await app().newDevice();
      const body = `{"changes":{"games":{"created":[{"id":"g1","target_score":1e999,"ended_at":-1e999}],"updated":[],"deleted":[]}},
        "last_pulled_at":${await clockOf(device)}}`;
      expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
      expect(await findRow(device, 'games', 'g1')).toMatchObject({ target_score: 0, ended_at: null });
    });

    test('outside a closed set keeps the stored value, else takes the default', async () => {
      const device = await app().newDevice();
      const odd = ['won', 'Active', '', 5, null, {}];
      const rows = odd.map((status, index) => ({ ...game(`new${index}`), status }));
      const lastPulledAt = await store(device, { games: [...rows, game('old', { status: 'finished' })] });
      for (const status of odd) {
        await push(device, updating({ games: [{ id: 'old', status }] }), lastPulledAt);
      }
      const stored = (await liveRows(device)).games?.map((row) => row.status);
      expect(stored).toEqual([...odd.map(() => 'active'), 'finished']);
      expect(await clockOf(device)).toBe(lastPulledAt);
    });
  });

  test('\\u0000 in a text is removed', async () => {
    const device = await app().newDevice();
    await store(device, {
      games: [game('g1', { name: '\u0000a\u0000\u0000b\u0000' }), game('g2', { name: '\u0000' })],
    });
    expect((await liveRows(device)).games?.map((row) => row.name)).toEqual(['ab', '']);
  });

  test('lone surrogates become U+FFFD before storing and comparing; pairs stay', async () => {
    const device = await app().newDevice();
    const names = ['\ud800', 'a\udc00b', '\ud83c\udfb2', '\udfb2\ud83c'];
    const rows = names.map((name, index) => game(`g${index}`, { name }));
    const lastPulledAt = await store(device, { games: rows });
    expect((await liveRows(device)).games?.map((row) => row.name)).toEqual([
      '\ufffd',
      'a\ufffdb',
      '🎲',
      '\ufffd\ufffd',
    ]);
    await push(device, updating({ games: rows }), lastPulledAt);
    expect(await clockOf(device)).toBe(lastPulledAt);
  });

  describe("a text over the column's limit", () => {
    test('gives the id back as TEXT_TOO_LONG, and the rest commits', async () => {
      const device = await app().newDevice();
      const lastPulledAt = await store(device, { games: [game('old')] });
      const long = [game('new', { name: 'x'.repeat(201) }), game('old', { name: 'y'.repeat(100_000) })];
      const answer = await push(device, creating({ games: [...long, game('ok')] }), lastPulledAt);
      expect(answer.experimentalRejectedIds?.games?.sort()).toEqual(['new', 'old']);
      expect(answer.rejected).toEqual(
        expect.arrayContaining(long.map(({ id }) => ({ table: 'games', id, reason: 'TEXT_TOO_LONG' }))),
      );
      expect((await liveRows(device)).games).toEqual([game('ok'), game('old')]);
    });

    test('is counted in UTF-16 units', async () => {
      const device = await app().newDevice();
      const rows = [
        game('fits', { name: '🎲'.repeat(100) }),
        game('over', { name: '🎲'.repeat(100) + 'x' }),
        game('also', { name: 'é'.repeat(200) }),
      ];
      const answer = await push(device, creating({ games: rows }), await clockOf(device));
      expect(answer.experimentalRejectedIds).toEqual({ games: ['over'] });
      expect((await liveRows(device)).games?.map((row) => row.id)).toEqual(['also', 'fits']);
    });
  });

  describe('an impossible id', () => {
    const ids = [
      '',
      'x'.repeat(65),
      'a b',
      'a/b',
      "a'b",
      'a"b',
      'a$b',
      'ä',
      '🎲',
      'a\u0000',
      'a\n',
      '__proto__ ',
    ];

    test.each(ids)('(%j) comes back as ID_INVALID, and the rest commits', async (id) => {
      const device = await app().newDevice();
      const answer = await push(
        device,
        creating({ games: [{ ...game('x'), id }, game('ok')] }),
        await clockOf(device),
      );
      expect(answer.experimentalRejectedIds).toEqual({ games: [id] });
      expect(answer.rejected).toEqual([{ table: 'games', id, reason: 'ID_INVALID' }]);
      expect((await liveRows(device)).games).toEqual([game('ok')]);
    });

    test('in deleted is ignored', async () => {
      const device = await app().newDevice();
      const lastPulledAt = await clockOf(device);
      expect(await push(device, deleting({ games: ids }), lastPulledAt)).toEqual({
        ok: true,
        timestamp: lastPulledAt,
        checkpoint: expect.any(String),
      });
    });

    test.each(['__proto__', 'constructor', 'toString'])(
      'is not %p: it is an id like any other',
      async (id) => {
        const device = await app().newDevice();
        const lastPulledAt = await store(device, { games: [game(id)] });
        expect((await liveRows(device)).games).toEqual([game(id)]);
        await push(device, deleting({ games: [id] }), lastPulledAt);
        expect((await liveRows(device)).games).toEqual([]);
      },
    );
  });

  test.each([
    ['an id that is a number', { games: { created: [{ id: 5 }], updated: [], deleted: [] } }],
    ['an id that is null', { games: { created: [], updated: [{ id: null }], deleted: [] } }],
    ['an id that is an array', { games: { created: [{ id: ['g1'] }], updated: [], deleted: [] } }],
    ['a row without an id', { games: { created: [{ name: 'x' }], updated: [], deleted: [] } }],
    ['a row that is a text', { games: { created: ['g1'], updated: [], deleted: [] } }],
    ['a row that is null', { games: { created: [null], updated: [], deleted: [] } }],
    ['a row that is an array', { games: { created: [[]], updated: [], deleted: [] } }],
    ['a deleted id that is a number', { games: { created: [], updated: [], deleted: [5] } }],
    ['a deleted id that is a row', { games: { created: [], updated: [], deleted: [{ id: 'g1' }] } }],
    ['created that is an object', { games: { created: {}, updated: [], deleted: [] } }],
    ['updated that is a text', { games: { created: [], updated: 'g1', deleted: [] } }],
    ['deleted that is null', { games: { created: [], updated: [], deleted: null } }],
    ['a table that is an array', { games: [] }],
    ['a table that is null', { games: null }],
    ['a table that is a number', { games: 5 }],
    ['changes that are an array', []],
    ['changes that are a text', 'games'],
    ['changes that are null', null],
  ])('%s is refused with 400, nothing applied', async (_name, broken) => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { rounds: [{ id: 'r1', game_id: 'g9' }] });
    const before = await stateOf(device);
    const isTable = broken !== null && typeof broken === 'object' && !Array.isArray(broken);
    const pushed = isTable ? { ...creating({ scores: [{ id: 's1' }] }), ...broken } : broken;
    expectProblem(await device.push(pushed, lastPulledAt), 400, 'BAD_REQUEST');
    expect(await stateOf(device)).toEqual(before);
  });

  test("a push over the account's row quota is refused with QUOTA_EXCEEDED, nothing applied; changes still work", async () => {
    await using own = await startApp(database, { env: { MAX_ROWS_PER_ACCOUNT: '10' } });
    const device = await own.newDevice();
    const lastPulledAt = await store(device, { games: games(8) });
    const before = await stateOf(device);
    const over = { ...creating({ games: games(3, 'new') }), ...deleting({ rounds: [] }) };
    expectProblem(await device.push(over, lastPulledAt), 403, 'QUOTA_EXCEEDED');
    expect(await stateOf(device)).toEqual(before);
    await push(device, creating({ games: games(2, 'new') }), lastPulledAt);
    await push(device, updating({ games: [game('g0', { name: 'Full' })] }), await clockOf(device));
    await push(device, deleting({ games: ['g1'] }), await clockOf(device));
    expect((await liveRows(device)).games).toHaveLength(9);
  });
});
