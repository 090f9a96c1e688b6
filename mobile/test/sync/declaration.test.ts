import { Database, Model, appSchema, tableSchema, type TableSchema } from '@nozbe/watermelondb';
import LokiJSAdapter from '@nozbe/watermelondb/adapters/lokijs/index.js';
import { Tidemark } from '@tidemark/client';
import { modelClasses } from '../../src/database/models';
import { migrations, schema } from '../../src/database/schema';
import { synchronize } from '../../src/session/synchronize';
import { eventually } from '../support/phone';
import { sharedServer } from '../support/server';

class Boat extends Model {
  static override table = 'boats';
}

let warnings: string[];
let opened: Tidemark | undefined;
beforeEach(() => {
  warnings = [];
  jest.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text));
});
afterEach(async () => {
  await opened?.close();
  jest.restoreAllMocks();
});

/** A client whose tables are those of the app, with these in place of its own. */
async function open(tables: TableSchema[]): Promise<Tidemark> {
  const others = Object.values(schema.tables).filter(
    ({ name }) => !tables.some((table) => table.name === name),
  );
  const adapter = new LokiJSAdapter({
    schema: appSchema({ version: 1, tables: [...others, ...tables] }),
    migrations,
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
  });
  const withBoats = tables.some(({ name }) => name === 'boats') ? [Boat] : [];
  opened = await Tidemark.open({
    database: new Database({ adapter, modelClasses: [...modelClasses, ...withBoats] }),
    synchronize,
    serverUrl: sharedServer().url,
    device: { name: 'phone', platform: 'node' },
  });
  return opened;
}

const games = (more: Parameters<typeof tableSchema>[0]['columns']): TableSchema => {
  const replaced = new Set(more.map(({ name }) => name));
  const kept = schema.tables.games!.columnArray.filter(({ name }) => !replaced.has(name));
  return tableSchema({ name: 'games', columns: [...kept, ...more] });
};

test('the developer is warned of each table and column that the server would not store as it is, once', async () => {
  const tidemark = await open([
    tableSchema({ name: 'boats', columns: [{ name: 'name', type: 'string' }] }),
    games([
      { name: 'nickname', type: 'string' },
      { name: 'target_score', type: 'string' },
      { name: 'started_at', type: 'number', isOptional: true },
    ]),
  ]);
  await tidemark.sync();
  await eventually(
    () => warnings.length === 4,
    () => warnings.join('\n'),
  );
  await tidemark.sync();
  expect(warnings.sort()).toEqual([
    'Tidemark: Column "games.nickname": the server does not declare it and drops its values.',
    'Tidemark: Column "games.started_at": it may be null here but not on the server, which stores an empty value or the default instead.',
    'Tidemark: Column "games.target_score": it is a string here and integer on the server, which stores an empty value instead.',
    'Tidemark: Table "boats": the server does not declare it and refuses its records.',
  ]);
});

test('the app’s own tables are the server’s: no warning', async () => {
  const tidemark = await open([]);
  await tidemark.sync();
  await tidemark.close();
  expect(warnings).toEqual([]);
});

test('a value that the server had to adjust is told once for its column', async () => {
  const tidemark = await open([games([{ name: 'status', type: 'string' }])]);
  const create = () =>
    tidemark.database.write(() =>
      tidemark.database.get('games').create((game) => game._setRaw('status', 'paused')),
    );
  await create();
  await create();
  await tidemark.sync();
  expect(warnings).toEqual([
    'Tidemark: Column "games.status": the server could not store a value as it was pushed (CHOICE_UNKNOWN).',
  ]);
});
