import type { Model } from '@nozbe/watermelondb';
import fc from 'fast-check';
import { check } from 'prettier';
import { schemaOf } from '../../mobile/src/database/schema.js';
import { printModels } from '../../src/commands/tables-model.js';
import {
  boolean,
  choice,
  integer,
  optionalRef,
  real,
  ref,
  text,
  timestamp,
  type Column,
} from '../../src/protocol/columns.js';
import { declareSchema, type Tables } from '../../src/protocol/schema.js';
import { schema as defaultSchema } from '../../src/protocol/tables.js';
import { complaintsAbout, openPrinted, runPrinted } from '../support/printed-models.js';

/** A habit tracker. @param version the first release's tables, or the second's */
function habitTracker(version: 1 | 2) {
  const habits = {
    name: text({ max: 200 }),
    color: choice(['red', 'blue'], { default: 'red' }),
    weekly_goal: integer({ default: 3 }),
    note: text({ optional: true }),
    created_at: timestamp(),
    updated_at: timestamp(),
    archived_at: timestamp({ optional: true }),
  };
  const entries = {
    habit_id: ref('habits'),
    day: text(),
    is_done: boolean({ default: true }),
    copied_from: optionalRef('entries'),
  };
  const first: Tables = { habits: { since: 1, columns: habits }, entries: { since: 1, columns: entries } };
  if (version === 1) return declareSchema(first);
  return declareSchema({
    habits: { since: 1, columns: { ...habits, weight: real({ since: 2, default: 0.5 }) } },
    entries: first.entries!,
    reminders: { since: 2, columns: { habit_id: ref('habits'), minute: integer() } },
  });
}

const print = (schema = habitTracker(2)) => `${printModels(schema, 'folder/tables.ts')}\n`;
/** How an app uses the models; the compiler must accept all of it. */
const usage = `
import { Database, Q, type DatabaseAdapter } from '@nozbe/watermelondb';
import { Entry, Habit, migrations, modelClasses, parents, schema } from './models.js';

declare const adapter: DatabaseAdapter;
export const versions: number[] = [schema.version, migrations.maxVersion];
export const database = new Database({ adapter, modelClasses });
export async function use(): Promise<string | null> {
  const habit = await database.get<Habit>('habits').create((made) => {
    made.color = 'blue';
    made.archivedAt = null;
    made.createdAt = new Date();
    // @ts-expect-error -- no such choice
    made.color = 'green';
    // @ts-expect-error -- required
    made.name = null;
    // @ts-expect-error -- not a text
    made.weeklyGoal = '3';
  });
  const entries: Entry[] = await habit.entries.extend(Q.where('is_done', true)).fetch();
  const parent: Habit = await entries[0]!.habit.fetch();
  const cascading: Readonly<Record<string, Readonly<Record<string, string>>>> = parents;
  return cascading.entries?.habit_id ?? parent.note;
}
`;

test('the printed module compiles strictly, and its types are those of the columns', () => {
  expect(complaintsAbout({ 'models.ts': print(), 'usage.ts': usage })).toEqual([]);
  const nodenext = { module: 199, moduleResolution: 99 };
  expect(complaintsAbout({ 'models.ts': print() }, nodenext)).toEqual([]);
});

test("the default tables' module has the schema that the app derives from them", () => {
  const code = print(defaultSchema);
  const models = runPrinted(code);
  const plain = ({ version, tables }: typeof models.schema) => ({
    version,
    tables: Object.values(tables).map(({ name, columnArray }) => ({
      name,
      columns: columnArray.map((column) => ({ isOptional: false, isIndexed: false, ...column })),
    })),
  });
  expect(plain(models.schema)).toEqual(plain(schemaOf(defaultSchema)));
  expect(models.modelClasses.map(({ name }) => name)).toEqual(['Game', 'GamePlayer', 'Round', 'Score']);
  expect(models.parents).toEqual({
    game_players: { game_id: 'games' },
    rounds: { game_id: 'games' },
    scores: { round_id: 'rounds', player_id: 'game_players' },
  });
  expect(complaintsAbout({ 'models.ts': code })).toEqual([]);
});

test('a database made from it creates rows with the declared defaults, changes, finds and relates them', async () => {
  const { database } = await openPrinted(runPrinted(print()));
  await database.write(async () => {
    const habit = await database.get('habits').create((made) => Object.assign(made, { name: ' Read ' }));
    expect(habit).toMatchObject({ name: 'Read', color: 'red', weeklyGoal: 3, weight: 0.5, note: null });
    expect(habit._raw).toMatchObject({ weekly_goal: 3, archived_at: null });
    expect(habit).toMatchObject({ createdAt: expect.any(Date), archivedAt: null });
    await habit.update((changed) => {
      Object.assign(changed, { color: 'blue', archivedAt: new Date(1_790_000_000_000) });
    });
    expect(habit._raw).toMatchObject({ color: 'blue', archived_at: 1_790_000_000_000 });

    const entry = await database.get('entries').create((made) => {
      (made as unknown as { habit: { set(record: Model): void } }).habit.set(habit);
    });
    expect(entry).toMatchObject({ habitId: habit.id, isDone: true, copiedFrom: null });
    const { entries } = habit as unknown as { entries: { fetch(): Promise<Model[]> } };
    expect((await entries.fetch()).map(({ id }) => id)).toEqual([entry.id]);
    const relation = (entry as unknown as { habit: { fetch(): Promise<Model> } }).habit;
    expect((await relation.fetch()).id).toBe(habit.id);
  });
});

test('a database of the first release migrates to the second', async () => {
  const first = await openPrinted(runPrinted(print(habitTracker(1))));
  const made = await first.database.write(() =>
    first.database.get('habits').create((habit) => Object.assign(habit, { name: 'Read' })),
  );
  const second = await openPrinted(runPrinted(print(habitTracker(2))), await first.save());
  expect(await second.database.get('habits').find(made.id)).toMatchObject({ name: 'Read', weight: 0 });
  const reminder = await second.database.write(() =>
    second.database.get('reminders').create((created) => Object.assign(created, { habitId: made.id })),
  );
  expect(await second.database.get('reminders').query().fetch()).toEqual([reminder]);
});

test('compiled with class fields that would hide the columns, the module says what to change', () => {
  expect(() => runPrinted(print(), { useDefineForClassFields: true })).toThrow(
    /"useDefineForClassFields": false/,
  );
});

test.each([
  ['created_at', timestamp({ optional: true })],
  ['updated_at', text()],
])('%s as WatermelonDB does not allow it: one line', (name, column) => {
  const schema = declareSchema({ notes: { since: 1, columns: { [name]: column as Column } } });
  expect(() => printModels(schema, 'tables.ts')).toThrow(
    `tables.ts: Column "notes.${name}": WatermelonDB sets it to the time itself, so it must be timestamp().`,
  );
});

test('every printed module is formatted as Prettier formats it, and the same each time', async () => {
  const word = fc.constantFrom('a', 'habits', 'entries', 'of', 'measurement', 'x1', 'international');
  const name = fc
    .array(word, { minLength: 1, maxLength: 6 })
    .map((words) => words.join('_').slice(0, 48).replace(/_$/, ''));
  const since = fc.integer({ min: 1, max: 3 });
  const values = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 6 });
  const column = (table: fc.Arbitrary<string>): fc.Arbitrary<Column> =>
    fc.oneof(
      fc.record({ since, default: fc.string() }).map((options) => text(options) as Column),
      since.map((at) => text({ since: at, optional: true }) as Column),
      fc
        .record({ since, default: fc.double({ noNaN: true, noDefaultInfinity: true }) })
        .map((options) => real(options) as Column),
      since.map((at) => timestamp({ since: at }) as Column),
      values.map((list) => choice(list, { default: list[0]! }) as Column),
      table.map((to) => ref(to) as Column),
      table.map((to) => optionalRef(to) as Column),
    );
  const schemas = fc.uniqueArray(name, { minLength: 1, maxLength: 4 }).chain((names) =>
    fc.record(
      Object.fromEntries(
        names.map((table) => [
          table,
          fc.record({
            since,
            columns: fc.dictionary(name, column(fc.constantFrom(...names)), { minKeys: 1, maxKeys: 5 }),
          }),
        ]),
      ),
    ),
  );
  let printed = 0;
  await fc.assert(
    fc.asyncProperty(schemas, async (tables) => {
      let schema;
      try {
        schema = declareSchema(tables as Tables);
      } catch {
        return; // names that clash, texts that no database stores
      }
      const code = print(schema);
      printed++;
      expect(print(schema)).toBe(code);
      expect(await check(code, { parser: 'typescript' })).toBe(true);
    }),
    { numRuns: 150 },
  );
  expect(printed).toBeGreaterThan(50);
});
