import { Database, Model, appSchema, tableSchema } from '@nozbe/watermelondb';
import LokiJSAdapter from '@nozbe/watermelondb/adapters/lokijs/index.js';
import { dropOrphans, keepUnsynced } from '../../../client/src/records/recovery';
import { SyncedTables } from '../../../client/src/records/synced-tables';

class Folder extends Model {
  static override table = 'folders';
}

const schema = appSchema({
  version: 1,
  tables: [tableSchema({ name: 'folders', columns: [{ name: 'folder_id', type: 'string' }] })],
});
const tables = new SyncedTables(schema, { folders: { folder_id: 'folders' } });

/** Folders, each with the id of the folder it is in and its state. */
async function withFolders(folders: [id: string, parent: string, status: string][]): Promise<Database> {
  const adapter = new LokiJSAdapter({
    schema,
    useWebWorker: false,
    useIncrementalIndexedDB: true,
    extraLokiOptions: { autosave: false },
  });
  const database = new Database({ adapter, modelClasses: [Folder] });
  await database.write(() =>
    database.batch(
      folders.map(([id, folder_id, _status]) =>
        database.get('folders').prepareCreateFromDirtyRaw({ id, folder_id, _status, _changed: '' }),
      ),
    ),
  );
  return database;
}

async function statuses(database: Database): Promise<Record<string, string>> {
  const folders = await database.get('folders').query().fetch();
  return Object.fromEntries(folders.map(({ id, syncStatus }) => [id, syncStatus]));
}

test('what is unsynced is kept with all above it, however deep it is', async () => {
  const depth = 20_000;
  const chain = Array.from({ length: depth }, (_, at): [string, string, string] => [
    `f${at}`,
    at === 0 ? '' : `f${at - 1}`,
    at === depth - 1 ? 'updated' : 'synced',
  ]);
  const database = await withFolders([...chain, ['other', '', 'synced']]);

  await keepUnsynced(database, tables);

  const kept = Object.entries(await statuses(database)).filter(([, status]) => status === 'created');
  expect(kept).toHaveLength(depth);
});

test('folders in a circle, and one in itself, are kept and are no orphans', async () => {
  const database = await withFolders([
    ['a', 'b', 'updated'],
    ['b', 'a', 'synced'],
    ['self', 'self', 'updated'],
  ]);

  await keepUnsynced(database, tables);

  expect(await statuses(database)).toEqual({ a: 'created', b: 'created', self: 'created' });
  expect(await dropOrphans(database, tables)).toEqual({});
});
