import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { documentState, download, pathOf, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { makeScratchDir } from '../support/scratch.js';
import { createStorage, type Storage } from '../support/storage.js';
import { storeIn } from '../uploads/world.js';

/** Makes a database what it was before the migration LiveDocuments; the rows stay. */
async function takeBack(storage: Storage): Promise<void> {
  const config = loadConfig({ argv: [], env: storage.env });
  const database = await openDatabase(config, schema, serverTables);
  try {
    await database.write('DROP TABLE document_marks');
    if (database.dialect === 'sqlite') await database.write('DROP TABLE document_journal');
    await database.write('ALTER TABLE documents DROP COLUMN content_mark');
    await database.write('ALTER TABLE documents DROP COLUMN has_clocks');
    await database.write(`DELETE FROM migrations WHERE name LIKE 'LiveDocuments%'`);
    // Of the two documents, one is from before there were marks.
    await database.write(`UPDATE documents SET mark = NULL WHERE video_id = 'unmarked'`);
  } finally {
    await database.close();
  }
}

forEachDatabase((database) => {
  let storage: Storage;
  let folder: string;
  beforeEach(async () => {
    storage = await createStorage(database);
    folder = makeScratchDir('store');
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await storage.dispose();
  });

  test('documents of a database from before live documents keep their versions, copies and contents', async () => {
    const env = storeIn(join(folder, 'objects'));
    const first = await startApp(database, { storage, env });
    const laptop = await first.newDevice();
    const marked = await write(laptop, 'marked', ['marked']);
    if (database === 'postgres') await write(laptop, 'unmarked', ['unmarked']);
    const etag = (await laptop.request('GET', `${pathOf('marked')}/state`)).headers.get('etag');
    await first.stop();
    await takeBack(storage);

    await using app = await startApp(database, { storage, env });
    moveTo(laptop, app.url);
    const state = await laptop.request('GET', `${pathOf('marked')}/state`);
    expect(state.headers.get('etag')).toBe(etag);
    const ref = { accountId: laptop.accountId, videoId: 'marked', kind: 'layout' };
    const documents = app.nest.get(DocumentsRepository);
    expect(await documents.find(ref)).toMatchObject({
      mark: marked.mark,
      contentMark: marked.mark,
      hasClocks: 0,
    });
    expect(await documents.findMark(ref, { epoch: 1, version: 1 })).toBe(marked.mark);
    if (database === 'sqlite') {
      const files = readdirSync(join(storage.env.DATA_DIR!, 'documents'), {
        recursive: true,
        encoding: 'utf8',
      });
      expect(files.filter((file) => file.endsWith(`1-${marked.mark}.db`))).toHaveLength(1);
    } else {
      const unmarked = await documentState(laptop, 'unmarked');
      expect(unmarked).toMatchObject({ epoch: 1, server_version: 1, mark: null });
      expect(await documents.findMark({ ...ref, videoId: 'unmarked' }, { epoch: 1, version: 1 })).toBeNull();
      expect(await download(laptop, 'unmarked')).toEqual(['unmarked']);
    }
    expect(await download(laptop, 'marked')).toEqual(['marked']);
  });
});
