import { declareSchema } from '../../../src/protocol/schema.js';
import { integer, ref, text } from '../../../src/protocol/columns.js';
import type { Game } from '../../src/database/models';
import { migrationsOf, schemaOf } from '../../src/database/schema';
import { newDatabase } from '../support/new-database';

test('a new record has the declared defaults, and its fields are the declared columns', async () => {
  const database = await newDatabase();

  const game = await database.write(() =>
    database.get<Game>('games').create((made) => {
      made.name = 'Friday';
    }),
  );

  expect(game).toMatchObject({ name: 'Friday', target_score: 100, status: 'active', winner_id: null });
  await database.write(() => game.update(() => void (game.target_score = 50)));
  const [again] = await database.get<Game>('games').query().fetch();
  expect(again!.target_score).toBe(50);
});

test('a column and a table that come later bring the migrations of an older database', () => {
  const declaration = declareSchema({
    teams: { since: 1, columns: { name: text(), color: text({ since: 2 }) } },
    members: { since: 3, columns: { team_id: ref('teams'), age: integer() } },
  });

  expect(Object.keys(schemaOf(declaration, 1).tables)).toEqual(['teams']);
  expect(schemaOf(declaration).version).toBe(3);
  const { sortedMigrations } = migrationsOf(declaration);
  expect(sortedMigrations.map(({ toVersion, steps }) => [toVersion, steps.map(({ type }) => type)])).toEqual([
    [2, ['add_columns']],
    [3, ['create_table']],
  ]);
});
