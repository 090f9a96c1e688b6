import { forEachDatabase } from '../support/app.js';
import { changedIds, clockOf, liveRows, pull, push, store } from '../support/exchange.js';
import {
  creating,
  deleting,
  evening,
  game,
  games,
  player,
  secondSchema,
  tableNames,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { sinceOf } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';

/** The 13 rules for a pull endpoint in WatermelonDB's backend specification. */
forEachDatabase((database) => {
  const app = shareApp(database);
  const laterApp = shareApp(database, { schema: secondSchema });

  test('BE pull 1: a pull takes last_pulled_at, schema_version and migration and answers changes and timestamp', async () => {
    const device = await app().newDevice();
    const reply = await device.pull({
      last_pulled_at: await clockOf(device),
      schema_version: 1,
      migration: 'null',
    });
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ changes: expect.any(Object), timestamp: expect.any(Number) });
  });

  test('BE pull 2: a pull returns all rows created, updated and deleted since, in all collections, each id once', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    await push(device, creating({ ...evening('b'), rounds: [] }), lastPulledAt);
    const seen = await clockOf(device);
    await push(device, updating({ games: [{ id: 'a-game', name: 'Once' }] }), seen);
    await push(device, updating({ games: [{ id: 'a-game', name: 'Twice' }] }), await clockOf(device));
    await push(device, deleting({ scores: ['a-score-ada', 'b-score-ada'] }), await clockOf(device));
    expect(await changedIds(device, lastPulledAt)).toEqual({
      games: { updated: ['a-game', 'b-game'], deleted: [] },
      game_players: { updated: ['b-ada', 'b-bob'], deleted: [] },
      scores: { updated: ['b-score-bob'], deleted: ['a-score-ada', 'b-score-ada'] },
    });
  });

  test('BE pull 3: a pull whose last_pulled_at is null or 0 returns all rows of the account', async () => {
    const device = await app().newDevice();
    await store(device, evening('a'));
    for (const first of ['null', 0, '0']) {
      const { body } = await device.pull({ last_pulled_at: first });
      const counts = tableNames.map((table) => body.changes[table].updated.length);
      expect(counts).toEqual([1, 2, 1, 2]);
    }
  });

  test('BE pull 4: the returned timestamp, passed again, returns every later change and none before it', async () => {
    const device = await app().newDevice();
    const first = await store(device, { games: games(2) });
    await push(device, creating({ games: [game('later')] }), first);
    const second = await pull(device, first);
    expect(second.changes.games?.updated.map((row) => row.id)).toEqual(['later']);
    await push(device, updating({ games: [game('g1', { name: 'New' })] }), second.timestamp);
    expect(await changedIds(device, second.timestamp)).toEqual({ games: { updated: ['g1'], deleted: [] } });
  });

  test('BE pull 5: pulls beside running pushes see each push whole or not at all, and miss none', async () => {
    const reader = await app().newDevice();
    const writers = await Promise.all([reader.pair(), reader.pair(), reader.pair()]);
    const before = await clockOf(reader);
    let isWriting = true;
    const writing = Promise.all(
      writers.map(async (writer, index) => {
        for (let n = 0; n < 12; n += 1) {
          const id = `${index}-${n}`;
          const rows = { games: [game(id)], game_players: [player(`${id}-a`, id), player(`${id}-b`, id)] };
          await push(writer, creating(rows), before);
        }
      }),
    ).finally(() => (isWriting = false));

    const seen = new Set<string>();
    let lastPulledAt: number | undefined;
    for (let isLast = false; !isLast;) {
      isLast = !isWriting;
      const { changes, timestamp } = await pull(reader, lastPulledAt);
      const arrived = [changes.games, changes.game_players].flatMap((table) =>
        table?.updated.map((row) => row.id),
      );
      for (const id of arrived) seen.add(id as string);
      for (const row of changes.games?.updated ?? []) {
        expect(arrived).toEqual(expect.arrayContaining([`${row.id}-a`, `${row.id}-b`]));
      }
      expect(changes.game_players?.updated).toHaveLength(2 * (changes.games?.updated.length ?? 0));
      lastPulledAt = timestamp;
    }
    await writing;
    expect(seen.size).toBe(3 * 12 * 3);
  });

  test('BE pull 6: with a migration, all rows of added tables and all with a value in an added column are included', async () => {
    const device = await laterApp().newDevice();
    const lastPulledAt = await store(device, {
      games: [
        { ...game('plain'), note: '', referee: null, table_number: 0, minutes_a_turn: 0, is_ranked: false },
        { ...game('noted'), note: 'rain', minutes_a_turn: 0 },
        { ...game('refereed'), referee: '', minutes_a_turn: 0 },
        { ...game('ranked'), is_ranked: true, minutes_a_turn: 0 },
        { ...game('numbered'), table_number: 4, minutes_a_turn: 0 },
      ],
      venues: [
        { id: 'v1', name: 'Kitchen' },
        { id: 'v2', name: '' },
      ],
    });
    const columns = ['note', 'referee', 'table_number', 'is_ranked'];
    const migration = JSON.stringify({ from: 1, tables: ['venues'], columns: [{ table: 'games', columns }] });
    const { changes } = await pull(device, lastPulledAt, { schema_version: 2, migration });
    expect(changes.games?.updated.map((row) => row.id).sort()).toEqual([
      'noted',
      'numbered',
      'ranked',
      'refereed',
    ]);
    expect(changes.venues?.updated.map((row) => row.id).sort()).toEqual(['v1', 'v2']);
  });

  test('BE pull 7: returned rows have exactly the columns of the schema, each value of its declared type', async () => {
    const device = await app().newDevice();
    await store(device, evening('a'));
    for (const [table, rows] of Object.entries(await liveRows(device))) {
      const { columns } = tables[table as keyof typeof tables];
      for (const row of rows) {
        expect(Object.keys(row).sort()).toEqual(['id', ...Object.keys(columns)].sort());
        for (const [name, column] of Object.entries(columns)) {
          if (row[name] !== null || !column.optional) expect(typeof row[name]).toBe(column.type);
        }
      }
    }
  });

  test('BE pull 8: returned rows have no _status and no _changed, even when they were pushed with them', async () => {
    const device = await app().newDevice();
    await store(device, { games: [{ ...game('g1'), _status: 'created', _changed: 'name' }] });
    const { changes } = await pull(device);
    expect(changes.games?.updated).toEqual([game('g1')]);
  });

  test("BE pull 9: columns added after the client's schema_version are left out", async () => {
    const device = await laterApp().newDevice();
    await store(device, { games: [{ ...game('g1'), note: 'rain' }] });
    const { changes } = await pull(device, undefined, { schema_version: 1 });
    expect(changes.games?.updated).toEqual([game('g1')]);
    const later = await pull(device, undefined, { schema_version: 2 });
    const known = Object.entries(secondSchema.tables.games?.columns ?? {});
    expect(known.some(([, column]) => sinceOf(secondSchema.tables.games!, column) === 2)).toBe(true);
    expect(Object.keys(later.changes.games?.updated[0] ?? {}).sort()).toEqual(
      ['id', ...known.map(([name]) => name)].sort(),
    );
  });

  test('BE pull 10: no column outside the declaration comes back, whatever was pushed', async () => {
    const device = await app().newDevice();
    const row = JSON.parse(
      JSON.stringify({
        ...game('g1'),
        secret: 1,
        account_id: 'x',
        last_modified: 5,
        is_deleted: true,
        constructor: 'c',
      }).replace('{', '{"__proto__":{"name":"x"},'),
    );
    await store(device, { games: [row] });
    const { changes } = await pull(device);
    expect(changes.games?.updated).toEqual([game('g1')]);
    expect(Object.keys(changes.games?.updated[0] ?? {})).toHaveLength(7);
  });

  test('BE pull 11: returned ids hold only letters, digits and _-.', async () => {
    const device = await app().newDevice();
    const bad = ["a'b", 'a"b', 'a\\b', 'a/b', 'a$b', 'a b', 'é', ''];
    await store(device, { games: [...bad.map((id) => game(id)), game('aZ09_-.'), game('abcdefghABCDEF01')] });
    expect((await liveRows(device)).games?.map((row) => row.id)).toEqual(['aZ09_-.', 'abcdefghABCDEF01']);
  });

  test("BE pull 12: collections added after the client's schema_version are left out", async () => {
    const device = await laterApp().newDevice();
    await store(device, { venues: [{ id: 'v1', name: 'Kitchen' }] });
    const { changes } = await pull(device, undefined, { schema_version: 1 });
    expect(Object.keys(changes).sort()).toEqual([...tableNames].sort());
  });

  test('BE pull 13: no collection outside the declaration comes back, whatever was pushed', async () => {
    const device = await app().newDevice();
    const pushed = JSON.parse(
      `{"__proto__":{"created":[{"id":"p1"}],"updated":[],"deleted":[]},
        "accounts":{"created":[{"id":"p2"}],"updated":[],"deleted":[]},
        "sqlite_master":{"created":[{"id":"p3"}],"updated":[],"deleted":[]}}`,
    );
    await push(device, pushed, await clockOf(device));
    expect(Object.keys((await pull(device)).changes).sort()).toEqual([...tableNames].sort());
  });
});
