import { Database } from '@nozbe/watermelondb';
import * as lokijs from '@nozbe/watermelondb/adapters/lokijs/index.js';
import { defaultOf } from './default-of.js';
import type { WatermelonSchema } from './watermelon-schema.js';

const LokiJSAdapter = defaultOf(lokijs);

/** A real WatermelonDB database in memory, with LokiJS below it. */
export interface MemoryDatabase {
  database: Database;
  loki: InstanceType<typeof LokiJSAdapter>['_driver']['loki'];
}

/** Opens a database in memory. @param saved a persistence adapter that holds the data of an earlier one */
export async function openMemoryDatabase(
  { schema, migrations, modelClasses }: WatermelonSchema,
  saved?: unknown,
): Promise<MemoryDatabase> {
  const adapter = new LokiJSAdapter({
    schema,
    migrations,
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
    ...(saved ? { _testLokiAdapter: saved as never } : {}),
  });
  const database = new Database({ adapter, modelClasses: modelClasses as never });
  await database.adapter.getLocal('anything'); // answered once the database is set up
  return { database, loki: adapter._driver.loki };
}
