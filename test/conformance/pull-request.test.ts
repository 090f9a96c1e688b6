import { forEachDatabase } from '../support/app.js';
import { changedIds, clockOf, expectProblem, pull, push, store } from '../support/exchange.js';
import { creating, evening, game, games, secondSchema, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, "GET /api/v1/sync/pull": the request. */
forEachDatabase((database) => {
  const app = shareApp(database);
  const laterApp = shareApp(database, { schema: secondSchema });

  test.each(['absent', '', '0', 'null', 'undefined'])(
    'last_pulled_at %p means a first sync',
    async (value) => {
      const device = await app().newDevice();
      await store(device, { games: games(2) });
      const reply = await device.pull(value === 'absent' ? {} : { last_pulled_at: value });
      expect(reply.status).toBe(200);
      expect(reply.body.changes.games.updated).toHaveLength(2);
    },
  );

  test.each([
    '-1',
    '-0.5',
    'NaN',
    'abc',
    '1.5',
    '1e308',
    '1e13',
    'Infinity',
    '0x10',
    '1790000000000ms',
    ' 1790000000000 ',
    '9007199254740992',
    '99999999999999999999',
    'true',
    '{}',
    '[]',
    '[1790000000000]',
    '١٢٣',
  ])('last_pulled_at %p is refused with 400', async (value) => {
    const device = await app().newDevice();
    expectProblem(await device.pull({ last_pulled_at: value }), 400, 'BAD_REQUEST');
  });

  test('a repeated last_pulled_at is refused with 400, even when both are the same', async () => {
    const device = await app().newDevice();
    const clock = await clockOf(device);
    expectProblem(await device.pull({ last_pulled_at: [clock, clock] }), 400, 'BAD_REQUEST');
    expectProblem(await device.pull({ last_pulled_at: [0, clock] }), 400, 'BAD_REQUEST');
  });

  test('last_pulled_at 9007199254740991 is an integer like any other: above the clock', async () => {
    const device = await app().newDevice();
    expectProblem(await device.pull({ last_pulled_at: '9007199254740991' }), 409, 'HISTORY_CHANGED');
  });

  test("an absent schema_version means the server's", async () => {
    const device = await laterApp().newDevice();
    await store(device, { games: [{ ...game('g1'), note: 'rain' }] });
    const pulled = await pull(device);
    expect(pulled.schema_version).toBe(2);
    expect(Object.keys(pulled.changes)).toContain('venues');
    expect(pulled.changes.games?.updated[0]).toMatchObject({ note: 'rain' });
  });

  test("a schema_version above the server's is refused with SCHEMA_AHEAD, also with nothing new and with a migration", async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(1) });
    const migration = JSON.stringify({ from: 1, tables: ['venues'], columns: [] });
    expectProblem(await device.pull({ schema_version: 2 }), 409, 'SCHEMA_AHEAD');
    expectProblem(
      await device.pull({ schema_version: 2, last_pulled_at: lastPulledAt }),
      409,
      'SCHEMA_AHEAD',
    );
    expectProblem(
      await device.pull({ schema_version: 9_999, last_pulled_at: lastPulledAt, migration }),
      409,
      'SCHEMA_AHEAD',
    );
  });

  test.each(['abc', '-1', '1.5', 'NaN'])('schema_version %p is refused with 400', async (value) => {
    const device = await app().newDevice();
    expectProblem(await device.pull({ schema_version: value }), 400, 'BAD_REQUEST');
  });

  test.each(['absent', 'null'])('migration %p means none', async (value) => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(1) });
    const reply = await device.pull({
      last_pulled_at: lastPulledAt,
      migration: value === 'absent' ? undefined : value,
    });
    expect(reply.status).toBe(200);
    expect(reply.body.changes.games.updated).toEqual([]);
  });

  test.each([
    '{',
    'abc',
    '5',
    '"games"',
    '[]',
    'true',
    '{}',
    '{"from":"1","tables":[],"columns":[]}',
    '{"from":1.5,"tables":[],"columns":[]}',
    '{"from":1,"tables":"games","columns":[]}',
    '{"from":1,"tables":[5],"columns":[]}',
    '{"from":1,"tables":[],"columns":{}}',
    '{"from":1,"tables":[],"columns":["games"]}',
    '{"from":1,"tables":[],"columns":[{"table":"games"}]}',
    '{"from":1,"tables":[],"columns":[{"table":"games","columns":"name"}]}',
    '{"from":1,"tables":[],"columns":[{"table":5,"columns":["name"]}]}',
  ])('the malformed migration %p is refused with 400', async (migration) => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    expectProblem(
      await device.pull({ last_pulled_at: lastPulledAt, schema_version: 1, migration }),
      400,
      'BAD_REQUEST',
    );
  });

  describe('a migration', () => {
    const migration = (tables: string[], columns: { table: string; columns: string[] }[]) =>
      JSON.stringify({ from: 1, tables, columns });

    test('brings the rows of added tables and columns together with what changed since, each id once', async () => {
      const device = await laterApp().newDevice();
      const lastPulledAt = await store(device, {
        games: [{ ...game('old'), note: 'rain' }, { ...game('bare') }, { ...game('edited'), note: 'sun' }],
        venues: [
          { id: 'v1', name: 'Kitchen' },
          { id: 'v2', name: 'Hall' },
        ],
      });
      await push(
        device,
        updating({ games: [{ id: 'edited', note: 'fog' }], venues: [{ id: 'v2', name: 'Den' }] }),
        lastPulledAt,
      );
      await push(device, creating({ venues: [{ id: 'v3', name: 'Yard' }] }), await clockOf(device));
      const { changes } = await pull(device, lastPulledAt, {
        schema_version: 2,
        migration: migration(['venues'], [{ table: 'games', columns: ['note', 'referee'] }]),
      });
      expect(changes.games?.updated.map((row) => row.id).sort()).toEqual(['edited', 'old']);
      expect(changes.games?.updated.find((row) => row.id === 'edited')).toMatchObject({ note: 'fog' });
      expect(changes.venues?.updated.map((row) => row.id).sort()).toEqual(['v1', 'v2', 'v3']);
    });

    test("compares with WatermelonDB's null value of the type, not with the server's default", async () => {
      const device = await laterApp().newDevice();
      const lastPulledAt = await store(device, {
        games: [
          game('defaulted'),
          { ...game('zero'), minutes_a_turn: 0 },
          { ...game('five'), minutes_a_turn: 5 },
        ],
      });
      const query = {
        schema_version: 2,
        migration: migration([], [{ table: 'games', columns: ['minutes_a_turn'] }]),
      };
      const { changes } = await pull(device, lastPulledAt, query);
      expect(changes.games?.updated.map((row) => row.id).sort()).toEqual(['defaulted', 'five']);
      expect(changes.games?.updated.find((row) => row.id === 'defaulted')).toMatchObject({
        minutes_a_turn: 2,
      });
    });

    test('of an optional reference brings the rows that hold one', async () => {
      const device = await laterApp().newDevice();
      const lastPulledAt = await store(device, {
        games: [game('without'), { ...game('with'), venue_id: 'v1' }],
      });
      const query = {
        schema_version: 2,
        migration: migration([], [{ table: 'games', columns: ['venue_id'] }]),
      };
      expect((await pull(device, lastPulledAt, query)).changes.games?.updated.map((row) => row.id)).toEqual([
        'with',
      ]);
    });

    test('is answered even when nothing changed since, with the same timestamp', async () => {
      const device = await laterApp().newDevice();
      const lastPulledAt = await store(device, { venues: [{ id: 'v1', name: 'Kitchen' }] });
      const query = { schema_version: 2, migration: migration(['venues'], []) };
      const pulled = await pull(device, lastPulledAt, query);
      expect(pulled.timestamp).toBe(lastPulledAt);
      expect(pulled.changes.venues?.updated).toHaveLength(1);
    });

    test('never brings deleted rows back, only what was deleted since', async () => {
      const device = await laterApp().newDevice();
      const first = await store(device, {
        venues: [
          { id: 'v1', name: 'A' },
          { id: 'v2', name: 'B' },
        ],
      });
      await push(device, { venues: { created: [], updated: [], deleted: ['v1'] } }, first);
      const second = await clockOf(device);
      await push(device, { venues: { created: [], updated: [], deleted: ['v2'] } }, second);
      const pulled = await pull(device, second, { schema_version: 2, migration: migration(['venues'], []) });
      expect(pulled.changes.venues).toEqual({ created: [], updated: [], deleted: ['v2'] });
    });

    test('is looked up in the declaration only: other names bring nothing and harm nothing', async () => {
      const device = await laterApp().newDevice();
      const lastPulledAt = await store(device, evening('a'));
      const names = ['accounts', 'devices', '__proto__', 'constructor', 'games"; drop table games; --', ''];
      const columns = [
        'account_id',
        'last_modified',
        'is_deleted',
        '__proto__',
        'constructor',
        'toString',
        'id',
        "x' or 1=1",
      ];
      const query = {
        schema_version: 2,
        migration: migration(
          names,
          [...names, 'games', 'rounds'].map((table) => ({ table, columns })),
        ),
      };
      const pulled = await pull(device, lastPulledAt, query);
      expect(Object.keys(pulled.changes).sort()).toEqual(Object.keys(secondSchema.tables).sort());
      for (const rows of Object.values(pulled.changes)) expect(rows.updated).toEqual([]);
      expect(await changedIds(device)).toMatchObject({ games: { updated: ['a-game'] } });
    });

    test('on a first sync brings every row once', async () => {
      const device = await laterApp().newDevice();
      await store(device, { venues: [{ id: 'v1', name: 'A' }], games: [{ ...game('g1'), note: 'rain' }] });
      const query = {
        schema_version: 2,
        migration: migration(['venues'], [{ table: 'games', columns: ['note'] }]),
      };
      const { changes } = await pull(device, undefined, query);
      expect(changes.venues?.updated).toHaveLength(1);
      expect(changes.games?.updated).toHaveLength(1);
    });
  });
});
