import { Database } from '@nozbe/watermelondb';
import LokiJSAdapter from '@nozbe/watermelondb/adapters/lokijs/index.js';
import { modelClasses } from '../../src/database/models';
import { migrations, schema } from '../../src/database/schema';

/** An empty database of the app, in memory. @param version the schema version; default: this release's */
export async function newDatabase(version = schema.version): Promise<Database> {
  const adapter = new LokiJSAdapter({
    schema: { ...schema, version },
    migrations: { ...migrations, maxVersion: version },
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
  });
  const database = new Database({ adapter, modelClasses });
  await database.localStorage.get('ready'); // the adapter answers only when the tables exist
  return database;
}
