import { reservedNames } from './foundation/database/server-tables.js';
import type { Schema } from './protocol/schema.js';
import { schema as defaultSchema } from './protocol/tables.js';
import { serverTables } from './tables.js';

/**
 * The tables of the synced records: those that a file declares, or the scorekeeping ones.
 * @param file as the option TABLES; null: the server's default declaration, always the same object
 * @throws AppStartError with one line for each fault of the file
 */
export async function declaredTables(file: string | null): Promise<Schema> {
  if (file === null) return defaultSchema;
  const { loadTables } = await import('./foundation/tables/load-tables.js');
  return loadTables(file, reservedNames(serverTables));
}
