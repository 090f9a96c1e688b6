import { Database } from '@nozbe/watermelondb';
import SQLiteAdapter from '@nozbe/watermelondb/adapters/sqlite/index.js';
import { modelClasses } from './models';
import { quietLog } from './quiet-log';
import { migrations, schema } from './schema';

/** Opens this device's database (SQLite). @throws Error when it cannot be opened */
export async function openDatabase(): Promise<Database> {
  quietLog();
  const adapter = new SQLiteAdapter({ dbName: 'tidemark', schema, migrations, jsi: true });
  await adapter.initializingPromise;
  return new Database({ adapter, modelClasses });
}
