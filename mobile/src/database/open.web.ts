import { Database } from '@nozbe/watermelondb';
import { DurableLokiAdapter } from './durable-loki-adapter';
import { modelClasses } from './models';
import { deletePatiently } from './patient-deletion';
import { quietLog } from './quiet-log';
import { migrations, schema } from './schema';

/** Opens this browser's database (LokiJS on IndexedDB). @throws Error when it cannot be opened */
export async function openDatabase(): Promise<Database> {
  quietLog();
  deletePatiently();
  const adapter = await new Promise<DurableLokiAdapter>((resolve, reject) => {
    const opening = new DurableLokiAdapter({
      dbName: 'tidemark',
      schema,
      migrations,
      useWebWorker: false,
      useIncrementalIndexedDB: true,
      extraLokiOptions: { autosave: false },
      onSetUpError: reject,
    });
    // The adapter answers this read only when the database is set up.
    opening.getLocal('ready', (result) => ('error' in result ? reject(result.error) : resolve(opening)));
  });
  return new Database({ adapter, modelClasses });
}
