import { checkTables } from '../../src/commands/tables-check.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import {
  boolean,
  choice,
  integer,
  optionalRef,
  real,
  ref,
  text,
  timestamp,
} from '../../src/protocol/columns.js';
import { declareSchema, type Tables } from '../../src/protocol/schema.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, type DatabaseName } from '../support/app.js';
import { contentOf } from '../support/catalog.js';
import { createStorage, type Storage } from '../support/storage.js';

type Columns = Tables[string]['columns'];

const habits = {
  name: text({ max: 200 }),
  color: choice(['red', 'blue'], { default: 'red' }),
  weekly_goal: integer({ default: 3 }),
  note: text({ optional: true }),
  started_at: timestamp(),
} satisfies Columns;
const entries = {
  habit_id: ref('habits'),
  copied_from: optionalRef('entries'),
  amount: real({ since: 2 }),
  is_done: boolean({ since: 2 }),
} satisfies Columns;

/** The tables that every database here is made with, at schema version 2. */
const before: Tables = {
  habits: { since: 1, columns: habits },
  entries: { since: 1, columns: entries },
  tags: { since: 2, columns: { label: text() } },
};

const habitsWith = (columns: Columns): Tables => ({
  ...before,
  habits: { since: 1, columns: { ...habits, ...columns } },
});
const entriesWith = (columns: Columns): Tables => ({
  ...before,
  entries: { since: 1, columns: { ...entries, ...columns } },
});
const without = (fields: object, name: string): never =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name)) as never;

/** What differs, the tables declared next, and what is said about them. */
type Row = [difference: string, after: Tables, lines: RegExp[]];

/** What the server adapts its database to. */
const changes: Row[] = [
  ['nothing', before, []],
  [
    'a table',
    { ...before, moods: { since: 3, columns: { habit_id: ref('habits'), level: integer() } } },
    [/^Table "moods" is added: habit_id, level\.$/],
  ],
  [
    'a table that skips versions',
    { ...before, moods: { since: 7, columns: { level: integer() } } },
    [/^Table "moods" is added: level\.$/],
  ],
  [
    'a required column without a default',
    habitsWith({ place: text({ since: 3 }) }),
    [/^Column "habits\.place" is added; existing rows get ""\.$/],
  ],
  [
    'a required column with a default',
    habitsWith({ weight: real({ since: 3, default: 0.5 }) }),
    [/^Column "habits\.weight" is added; existing rows get 0\.5\.$/],
  ],
  [
    'an optional column',
    habitsWith({ place: text({ since: 3, optional: true, default: 'home' }) }),
    [/^Column "habits\.place" is added; existing rows get null\.$/],
  ],
  [
    'a parent',
    entriesWith({ tag_id: ref('tags', { since: 3 }) }),
    [/^Column "entries\.tag_id" is added; existing rows get no parent\.$/],
  ],
  ['times as whole numbers', habitsWith({ started_at: integer() }), []],
];

/** The same, which only a stored declaration reveals. */
const storedChanges: Row[] = [
  [
    'longer texts',
    habitsWith({ name: text({ max: 400 }) }),
    [/^Column "habits\.name" takes texts of up to 400 characters instead of 200\.$/],
  ],
  [
    'one more choice',
    habitsWith({ color: choice(['red', 'green', 'blue'], { default: 'red' }) }),
    [/^Column "habits\.color" can also be "green"\.$/],
  ],
  [
    'any text in place of a choice',
    habitsWith({ color: text({ default: 'red' }) }),
    [/^Column "habits\.color" takes any text; it was a choice\.$/],
  ],
  [
    'another default',
    habitsWith({ weekly_goal: integer({ default: 5 }) }),
    [/^Column "habits\.weekly_goal" starts as 5 in new rows, instead of 3\.$/],
  ],
];

/** What the server refuses. */
const faults: Row[] = [
  [
    'a table taken away',
    without(before, 'tags'),
    [/^Table "tags" is in the database, but no longer declared/],
  ],
  [
    'a column taken away',
    { ...before, habits: { since: 1, columns: without(habits, 'name') } },
    [/^Column "habits\.name" is in the database, but no longer declared/],
  ],
  [
    'an optional column taken away',
    { ...before, habits: { since: 1, columns: without(habits, 'note') } },
    [/^Column "habits\.note" is in the database, but no longer declared/],
  ],
  [
    'all of an earlier release',
    {
      habits: before.habits!,
      entries: { since: 1, columns: without(without(entries, 'amount'), 'is_done') },
    },
    [
      /^The database is at schema version 2, .* these tables are at version 1\.$/,
      /^Table "tags" is in the database/,
      /^Column "entries\.amount" is in the database/,
      /^Column "entries\.is_done" is in the database/,
    ],
  ],
  [
    'tables of something else',
    { photos: { since: 1, columns: { title: text() } } },
    [/^The database was made with other tables \(.*habits.*\) and has no photos\. Use another database/],
  ],
  ['another type', habitsWith({ name: integer() }), [/^Column "habits\.name" was text and .* as integer/]],
  [
    'fractions',
    habitsWith({ weekly_goal: real() }),
    [/^Column "habits\.weekly_goal" was integer and .* real/],
  ],
  ['null allowed', habitsWith({ name: text({ optional: true }) }), [/"habits\.name" was required and/]],
  [
    'null forbidden',
    habitsWith({ note: text() }),
    [/"habits\.note" was optional and is declared as required/],
  ],
  ['a parent that is none', entriesWith({ habit_id: text() }), [/"entries\.habit_id" was .*ref.* as text/]],
  ['a text as parent', habitsWith({ name: ref('tags') }), [/"habits\.name" was .*text.* as ref\('tags'\)/]],
  [
    'a column declared into a version that is there',
    habitsWith({ place: text({ since: 2 }) }),
    [/^The database has no habits\.place, .* version 2\..* next version, since: 3\.$/],
  ],
  [
    'a table declared into a version that is there',
    { ...before, moods: { since: 1, columns: { level: integer() } } },
    [/^The database has no moods, although it is at schema version 2/],
  ],
  [
    'a column moved to a later version',
    entriesWith({ amount: real({ since: 3 }) }),
    [/^Column "entries\.amount" has been there since schema version 2, and is declared with 3/],
  ],
  [
    'a table moved to a later version',
    { ...before, tags: { since: 3, columns: { label: text() } } },
    [/^Table "tags" has been there since schema version 2, and is declared with 3/],
  ],
  [
    'a reserved name',
    { ...before, documents: { since: 3, columns: { title: text() } } },
    [/^No record table can be called documents: the server itself has that name/],
  ],
  [
    'several faults and a change',
    {
      ...habitsWith({ name: real(), place: text({ since: 3 }) }),
      tags: { since: 3, columns: { title: text({ since: 3 }) } },
    },
    [/"habits\.name" was text/, /^Table "tags" has been there/, /^Column "tags\.label" is in the database/],
  ],
];

/** The same, which only a stored declaration reveals. */
const storedFaults: Row[] = [
  [
    'a column moved to an earlier version',
    entriesWith({ amount: real() }),
    [/^Column "entries\.amount" has been there since schema version 2, and is declared with 1/],
  ],
  [
    'a table moved to an earlier version',
    { ...before, tags: { since: 1, columns: { label: text() } } },
    [/^Table "tags" has been there since schema version 2, and is declared with 1/],
  ],
  [
    'another parent',
    entriesWith({ habit_id: ref('tags') }),
    [/"entries\.habit_id" was ref\('habits'\) and is declared as ref\('tags'\)/],
  ],
  [
    'another table referred to',
    entriesWith({ copied_from: optionalRef('tags') }),
    [/"entries\.copied_from" was optionalRef\('entries'\) and is declared as optionalRef\('tags'\)/],
  ],
  [
    'texts of a closed set',
    habitsWith({ name: choice(['a'], { default: 'a' }) }),
    [/was text and .* choice/],
  ],
  ['shorter texts', habitsWith({ name: text({ max: 100 }) }), [/up to 200 characters .* with 100, but rows/]],
  [
    'a choice less',
    habitsWith({ color: choice(['red', 'green'], { default: 'red' }) }),
    [/^Column "habits\.color" can no longer be "blue", but rows may hold that/],
  ],
];

const configOf = (storage: Storage) => loadConfig({ argv: [], env: storage.env });

async function open(storage: Storage, tables: Tables): Promise<void> {
  await (await openDatabase(configOf(storage), declareSchema(tables), serverTables)).close();
}

/** The message of an AppStartError. */
async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => ({ name: 'no error', message: '' }),
    (reason: Error) => reason,
  );
  return error.name === 'AppStartError' ? error.message : `${error.name}: ${error.message}`;
}

/** A database made with the tables `before`. @param isOld by a server that did not store declarations */
async function madeBefore(database: DatabaseName, isOld: boolean): Promise<Storage & AsyncDisposable> {
  const storage = await createStorage(database);
  // In two steps, as apps grow.
  const first = { habits: before.habits!, entries: { since: 1, columns: { ...entries } as Columns } };
  first.entries.columns = without(without(entries, 'amount'), 'is_done');
  await open(storage, first);
  const opened = await openDatabase(configOf(storage), declareSchema(before), serverTables);
  if (isOld) {
    await opened.write('DROP TABLE record_tables');
    await opened.write(`DELETE FROM migrations WHERE name LIKE 'RecordTables%'`);
  }
  await opened.close();
  return { ...storage, [Symbol.asyncDispose]: () => storage.dispose() };
}

forEachDatabase((database) => {
  describe.each([
    ['a database', false, [...changes, ...storedChanges], [...faults, ...storedFaults]],
    ['a database of before declarations were stored', true, changes, faults],
  ])('%s', (_name, isOld, changing, faulty) => {
    test.each(changing)('adapts to %s, as the check says', async (_difference, after, lines) => {
      await using storage = await madeBefore(database, isOld);
      const found = await contentOf(storage);
      const said = (await checkTables(configOf(storage), declareSchema(after))).split('\n').slice(1);
      expect(await contentOf(storage)).toEqual(found);
      const own = isOld ? [/^The server's own tables are brought up to date\.$/] : [];
      expect(said).toEqual([...lines, ...own].map((line) => expect.stringMatching(line)));

      await open(storage, after);
      expect(await checkTables(configOf(storage), declareSchema(after))).toMatch(/changes nothing in/);
    });

    describe('left as it is', () => {
      let storage: Storage;
      beforeAll(async () => void (storage = await madeBefore(database, isOld)));
      afterAll(() => storage?.dispose());

      test.each(faulty)(
        'is not opened with %s: start and check say the same',
        async (_fault, after, lines) => {
          const found = await contentOf(storage);
          const said = await messageOf(checkTables(configOf(storage), declareSchema(after)));
          expect(said.split('\n')).toEqual(lines.map((line) => expect.stringMatching(line)));
          expect(await messageOf(open(storage, after))).toBe(said);
          expect(await contentOf(storage)).toEqual(found);
        },
      );

      test('is opened with its own tables afterwards', async () => {
        await open(storage, before);
      });
    });
  });

  test('a table is not made where the operator has something of that name', async () => {
    await using storage = await madeBefore(database, false);
    const opened = await openDatabase(configOf(storage), declareSchema(before), serverTables);
    await opened.write('CREATE TABLE moods (level integer)');
    await opened.write('CREATE TABLE habits_copy AS SELECT * FROM habits');
    await opened.write('ALTER TABLE habits ADD COLUMN reviewed_by text');
    await opened.close();
    await open(storage, before);
    const after = { ...before, moods: { since: 3, columns: { level: integer() } } };
    await expect(checkTables(configOf(storage), declareSchema(after))).rejects.toMatchObject({
      message: expect.stringMatching(/^Table "moods" cannot be added: .* called "moods"/),
    });
  });
});
