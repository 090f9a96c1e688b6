import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/foundation/config/config.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { ContentRenewal } from '../../src/documents/content/content-renewal.js';
import { SqliteWorkers } from '../../src/documents/import/sqlite-workers.js';
import { Database } from '../../src/foundation/database/database.js';
import { AppError } from '../../src/foundation/errors/app-error.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { OPERATOR_TOKEN } from '../support/operator.js';
import type { Storage } from '../support/storage.js';
import { storeForEach } from '../support/store-for-each.js';
import { around } from '../uploads/hold-back.js';
import { storeIn, World } from '../uploads/world.js';

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
  const store = storeForEach(database);

  test('documents of a database from before live documents keep their versions, copies and contents', async () => {
    const { storage, objects } = store();
    const env = storeIn(objects);
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

  describe('a content from before live documents', () => {
    let world: World;
    let ann: TestDevice;
    const refOf = (videoId: string) => ({ accountId: ann.accountId, videoId, kind: 'layout' });
    const find = async (videoId: string) =>
      (await world.app.nest.get(DocumentsRepository).find(refOf(videoId)))!;
    beforeEach(async () => {
      world = await World.make(database);
      ann = await world.newDevice();
    });
    afterEach(() => world[Symbol.asyncDispose]());

    /** Writes a document, then makes it one whose content has no clocks. */
    const writePlain = async (videoId: string) => {
      await write(ann, videoId, [videoId]);
      await world.app.nest.get(Database).write('UPDATE documents SET has_clocks = 0');
    };

    test.each(['lock', 'download', 'connection'])(
      'is imported anew by the first %s, and once',
      async (how) => {
        await writePlain('v1');
        const work = {
          lock: () => lock(ann, 'v1'),
          download: () => download(ann, 'v1'),
          connection: () => world.app.nest.get(ContentRenewal).ensure(refOf('v1')),
        }[how]!;
        await Promise.all<unknown>([work(), work(), work()]);
        await work();
        expect(await find('v1')).toMatchObject({ epoch: 2, version: 1, hasClocks: 1 });
        expect(await download(ann, 'v1')).toEqual(['v1']);
        expect(world.temporaryFiles()).toEqual([]);
        expect(world.workingCopies()).toHaveLength(1);
      },
    );

    test('that is in the store alone is imported from there', async () => {
      await write(ann, 'v1', ['v1']);
      await download(ann, 'v1');
      await world.app.nest.get(Database).write('UPDATE documents SET has_clocks = 0');
      await world.app.stop();
      rmSync(join(world.data.env.DATA_DIR!, 'documents'), { recursive: true });
      await world.start();
      moveTo(ann, world.app.url);
      expect((await lock(ann, 'v1', { epoch: 1, server_version: 1 })).body).toMatchObject({
        epoch: 2,
        server_version: 1,
        needs_download: true,
      });
      expect(await download(ann, 'v1')).toEqual(['v1']);
    });

    test('stays as it is for a job, for who renews a lock, and for a download beside one', async () => {
      await writePlain('v1');
      const bob = await ann.pair();
      const headers = { authorization: `Bearer ${OPERATOR_TOKEN}`, 'tidemark-account': ann.accountId };
      const body = { lock_type: 'server', session_id: 'job', reason: 'import' };
      const address = `${ann.url}/api/v1${pathOf('v1')}/lock`;
      expect((await send('POST', address, { headers, body })).body).toMatchObject({ epoch: 1 });
      await download(ann, 'v1');
      await world.app.nest.get(ContentRenewal).ensure(refOf('v1'));
      expect(await find('v1')).toMatchObject({ epoch: 1 });
      await send('DELETE', address, { headers, query: { session_id: 'job' } });

      const holding = await hold(ann, 'v2');
      expect((await putContent(holding, '0-0', packedLayout(['v2']))).status).toBe(200);
      await world.app.nest.get(Database).write('UPDATE documents SET has_clocks = 0');
      world.clock.ms += 1_000;
      expect((await lock(ann, 'v2', { session_id: holding.sessionId })).body).toMatchObject({ epoch: 1 });
      expect(await download(bob, 'v2')).toEqual(['v2']);
      expect((await putContent(holding, '1-1', packedLayout(['next']))).status).toBe(200);
      expect(await find('v2')).toMatchObject({ epoch: 2, hasClocks: 1 });
    });

    test('that fits its kind no more is locked, read and replaced as before', async () => {
      await writePlain('v1');
      const imports = world.app.nest.get(SqliteWorkers);
      const undo = around(
        imports,
        'importDatabase',
        () => () => Promise.reject(new AppError('DOCUMENT_INVALID')),
      );
      expect((await lock(ann, 'v1')).body).toMatchObject({ granted: true, epoch: 1 });
      expect(await download(ann, 'v1')).toEqual(['v1']);
      await expect(world.app.nest.get(ContentRenewal).ensure(refOf('v1'))).rejects.toMatchObject({
        code: 'DOCUMENT_INVALID',
      });
      undo();
    });

    if (database === 'sqlite') return;

    test('is imported anew by one of two processes', async () => {
      await writePlain('v1');
      const elsewhere = await world.startElsewhere();
      const both = [world.app, elsewhere].map((app) => app.nest.get(ContentRenewal).ensure(refOf('v1')));
      await Promise.all(both);
      const { mark, ...document } = await find('v1');
      expect(document).toMatchObject({ epoch: 2, version: 1, hasClocks: 1, contentMark: mark });
      expect(await world.query('SELECT DISTINCT epoch AS "epoch" FROM document_journal')).toEqual([
        { epoch: 2 },
      ]);
      expect(await download(ann, 'v1')).toEqual(['v1']);
    });
  });
});
