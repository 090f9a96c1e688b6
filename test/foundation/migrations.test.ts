import { Database } from '../../src/foundation/database/database.js';
import { choice, integer, optionalRef, real, ref, text, timestamp } from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { liveRows, store } from '../support/exchange.js';

/** What TypeORM would change to make the database equal the entities. */
async function driftOf(app: TestApp): Promise<string[]> {
  const { upQueries } = await app.nest.get(Database).dataSource.driver.createSchemaBuilder().log();
  return upQueries.map(({ query }) => query);
}

const grown = declareSchema({
  ...tables,
  games: {
    since: 1,
    columns: {
      ...tables.games.columns,
      place: text({ since: 2, default: "at Ann's" }),
      stake: real({ since: 2 }),
      mood: choice(['calm', 'wild'], { since: 3, default: 'calm' }),
      rematch_of: optionalRef('games', { since: 3 }),
    },
  },
  photos: {
    since: 2,
    columns: { game_id: ref('games'), taken_at: timestamp(), width: integer({ since: 3, default: 640 }) },
  },
});

forEachDatabase((database) => {
  test('the migrations make exactly the tables that the entities describe', async () => {
    await using app = await startApp(database);
    expect(await driftOf(app)).toEqual([]);
  });

  test('tables and columns of later schema versions are the same, made at once or step by step', async () => {
    await using fresh = await startApp(database, { schema: grown });
    expect(await driftOf(fresh)).toEqual([]);

    const first = await startApp(database);
    await first.stop();
    await using later = await startApp(database, { schema: grown, storage: first.storage });
    expect(await driftOf(later)).toEqual([]);
    await later.stop();
    await first.close();
  });

  test('columns may be called as the server calls things in its own statements', async () => {
    const columns = { item: text(), page: integer(), rows: integer(), account: text(), cursor: real() };
    await using app = await startApp(database, { schema: declareSchema({ entries: { since: 1, columns } }) });
    const device = await app.newDevice();
    const entry = { id: 'e1', item: 'milk', page: 2, rows: 3, account: 'a', cursor: 0.5 };
    await store(device, { entries: [entry] });
    expect((await liveRows(device)).entries).toEqual([entry]);
  });

  test('a later version may put an owner before an earlier one', async () => {
    const boxes = { since: 1, columns: { name: text() } };
    const early = declareSchema({ boxes, things: { since: 1, columns: { box_id: ref('boxes') } } });
    const first = await startApp(database, { schema: early });
    await first.stop();
    const columns = { outer_box_id: ref('boxes', { since: 2 }), box_id: ref('boxes') };
    const late = declareSchema({ boxes, things: { since: 1, columns } });
    await using later = await startApp(database, { schema: late, storage: first.storage });
    expect(await driftOf(later)).toEqual([]);
    await later.stop();
    await first.close();
  });

  test('a column declared into a version that the database already has is refused, by name', async () => {
    const first = await startApp(database);
    await first.stop();
    const { games } = tables;
    const sneaked = declareSchema({
      ...tables,
      games: { ...games, columns: { ...games.columns, late: integer() } },
    });
    await expect(startApp(database, { schema: sneaked, storage: first.storage })).rejects.toThrow(
      /games\.late.*next version/s,
    );
    await first.close();
  });
});
