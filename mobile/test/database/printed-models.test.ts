import { join } from 'node:path';
import { transformSync } from '@babel/core';
import { Database, type Model } from '@nozbe/watermelondb';
import LokiJSAdapter from '@nozbe/watermelondb/adapters/lokijs';
import { printModels } from '../../../src/commands/tables-model.js';
import { boolean, choice, declareSchema, ref, text } from '../../../src/protocol/declaration.js';

test('what `tidemark tables model` prints works as Expo compiles it for phones', async () => {
  const schema = declareSchema({
    habits: {
      since: 1,
      columns: { name: text(), color: choice(['red', 'blue'], { default: 'red' }), table: text() },
    },
    entries: { since: 1, columns: { habit_id: ref('habits'), is_done: boolean() } },
  });
  const file = join(process.cwd(), 'models.ts');
  const compiled = transformSync(printModels(schema, 'tables.ts'), {
    filename: file,
    presets: ['babel-preset-expo'],
    caller: { name: 'metro', platform: 'ios', engine: 'hermes' } as never,
    babelrc: false,
    configFile: false,
  });
  const models = {} as ConstructorParameters<typeof LokiJSAdapter>[0] & { modelClasses: (typeof Model)[] };
  new Function('require', 'exports', compiled!.code!)(require, models);

  const adapter = new LokiJSAdapter({
    schema: models.schema,
    migrations: models.migrations,
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
  });
  const database = new Database({ adapter, modelClasses: models.modelClasses });
  await database.write(async () => {
    const habit = await database.get('habits').create((made) => {
      Object.assign(made, { name: ' Read ', tableColumn: 'oak' });
    });
    expect(habit).toMatchObject({ name: 'Read', color: 'red', tableColumn: 'oak', table: 'habits' });
    const entry = await database.get('entries').create((made) => {
      (made as unknown as { habit: { set(record: Model): void } }).habit.set(habit);
    });
    const { entries } = habit as unknown as { entries: { fetch(): Promise<Model[]> } };
    expect(await entries.fetch()).toEqual([entry]);
  });
});
