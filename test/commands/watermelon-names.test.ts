import { Model } from '@nozbe/watermelondb';
import { printModels } from '../../src/commands/tables-model.js';
import { MODEL_MEMBERS } from '../../src/commands/watermelon-names.js';
import { ref, text } from '../../src/protocol/columns.js';
import { declareSchema, type Schema } from '../../src/protocol/schema.js';
import { complaintsAbout, openPrinted, runPrinted } from '../support/printed-models.js';

const print = (schema: Schema) => `${printModels(schema, 'tables.ts')}\n`;
const tablesOf = (...names: string[]) =>
  declareSchema(
    Object.fromEntries(names.map((name) => [name, { since: 1, columns: { label: text() } }] as const)),
  );
const columnsOf = (...names: string[]) =>
  declareSchema({
    things: { since: 1, columns: Object.fromEntries(names.map((name) => [name, text()] as const)) },
  });
const classesIn = (code: string) => [...code.matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
const propertiesIn = (code: string) => [...code.matchAll(/@text\("\w+"\)\s+(\w+)!/g)].map(([, name]) => name);

test('classes have the singular of their table, and no two the same name', () => {
  const plurals = {
    habits: 'Habit',
    entries: 'Entry',
    game_players: 'GamePlayer',
    statuses: 'Status',
    data: 'Data',
    news: 'News',
    people: 'Person',
    addresses: 'Address',
    boxes: 'Box',
    houses: 'House',
    heroes: 'Hero',
    days: 'Day',
    databases: 'Database',
    movies: 'Movie',
    categories: 'Category',
    branches: 'Branch',
    analysis: 'Analysis',
    sms: 'Sms',
    bonus: 'Bonus',
    lens: 'Lens',
    notes_2: 'Notes2',
  };
  expect(classesIn(print(tablesOf(...Object.keys(plurals))))).toEqual(Object.values(plurals));
  const clashing = [
    'entries',
    'entry',
    'models',
    'dates',
    'date_models',
    'records',
    'queries',
    'entry_models',
    'entry__model',
    'entry___model',
  ];
  expect(classesIn(print(tablesOf(...clashing)))).toEqual([
    'Entry',
    'EntryModel',
    'Models',
    'Dates',
    'DateModel',
    'Records',
    'Queries',
    'EntryModels',
    'EntryModelModel',
    'EntryModelModel2',
  ]);
  expect(complaintsAbout({ 'models.ts': print(tablesOf(...clashing)) })).toEqual([]);
});

test("no property hides what WatermelonDB's Model has", () => {
  const members = new Set<string>();
  const made = new Model(null as never, null as never);
  for (let level: object = made; level; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) if (!name.startsWith('_')) members.add(name);
  }
  members.add('subAction'); // only in its types
  expect([...MODEL_MEMBERS].sort()).toEqual([...members].sort());
});

test('a column with the name of a member keeps its name and gets another property', async () => {
  const snakes = MODEL_MEMBERS.map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  const names = snakes.filter((name) => !['id', 'constructor'].includes(name));
  const code = print(columnsOf(...names, 'delete', 'static', 'declare', 'get', 'prototypes', 'a_1', 'a1'));
  expect(propertiesIn(code)).toEqual([
    ...MODEL_MEMBERS.filter((name) => !['id', 'constructor'].includes(name)).map((name) => `${name}Column`),
    ...['delete', 'static', 'declare', 'get', 'prototypes', 'a1', 'a1Column'],
  ]);
  expect(complaintsAbout({ 'models.ts': code })).toEqual([]);
  const { database } = await openPrinted(runPrinted(code));
  const thing = await database.write(() =>
    database
      .get('things')
      .create((made) => Object.assign(made, { tableColumn: 'oak', syncStatusColumn: 'x' })),
  );
  expect(thing._raw).toMatchObject({ table: 'oak', sync_status: 'x' });
  expect(thing.syncStatus).toBe('created');
});

test('several references to one table, and one to the own table, still have a class', async () => {
  const code = print(
    declareSchema({
      accounts_held: { since: 1, columns: { created__at: text(), name: text() } },
      transfers: {
        since: 1,
        columns: {
          from_id: ref('accounts_held'),
          to_id: ref('accounts_held'),
          part_of: ref('transfers'),
          from: text(),
          transfers: text(),
        },
      },
    }),
  );
  expect(complaintsAbout({ 'models.ts': code })).toEqual([]);
  const { modelClasses } = runPrinted(code);
  expect(modelClasses[1]!.associations).toEqual({
    transfers: { type: 'has_many', foreignKey: 'part_of' },
    accounts_held: { type: 'belongs_to', key: 'from_id' },
  });
  expect(code).toMatch(/@relation\("accounts_held", "from_id"\)\s+fromRecord!: Relation<AccountsHeld>/);
  expect(code).toMatch(/@children\("transfers"\) transfersRecords!: Query<Transfer>/);
  expect(code).toMatch(/@text\("created__at"\) createdAtColumn!: string/);
});
