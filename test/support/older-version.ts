import { loadConfig } from '../../src/foundation/config/config.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import type { Storage } from './storage.js';

/** Makes a database what it was before checkpoints existed, so that their migration runs again at the next start. */
export async function olderVersion(storage: Storage): Promise<void> {
  const config = loadConfig({ argv: [], env: storage.env });
  const database = await openDatabase(config, schema, serverTables);
  try {
    await database.write('DROP TABLE account_checkpoints');
    await database.write('ALTER TABLE accounts DROP COLUMN mark');
    await database.write('ALTER TABLE accounts DROP COLUMN stamps_from');
    await database.write(`DELETE FROM migrations WHERE name LIKE 'Checkpoints%'`);
  } finally {
    await database.close();
  }
}
