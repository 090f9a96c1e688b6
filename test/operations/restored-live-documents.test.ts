import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { Database } from '../../src/foundation/database/database.js';
import type { DocumentRef } from '../../src/locks/lock.js';
import { LiveWriter, openOnDemand } from '../documents/live-writer.js';
import { tearCopy } from '../documents/torn-copy.js';
import type { TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { documentState, download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { databasesWithTools, shareRestore } from './backups.js';

/** Writes backgrounds into a document, one batch each, and closes its copy. */
async function paint(app: TestApp, ref: DocumentRef, ...backgrounds: string[]): Promise<void> {
  using live = await LiveWriter.open(app, ref);
  for (const background of backgrounds) await live.paint(background);
}

describe.each(databasesWithTools)('on %s', (database) => {
  const shared = shareRestore(database);
  let ann: TestDevice;
  const refOf = (videoId: string) => ({ accountId: ann.accountId, videoId, kind: 'layout' });
  const findIn = async (app: TestApp, videoId: string) =>
    (await app.nest.get(DocumentsRepository).find(refOf(videoId)))!;

  shared.beforeBackup(async (server) => {
    ann = await server.newDevice();
    for (const videoId of ['pending', 'uploaded', 'behind', 'newer', 'torn']) {
      await write(ann, videoId, ['red']);
    }
    await paint(server, refOf('pending'), 'green', 'blue');
    await paint(server, refOf('torn'), 'green');
    for (const videoId of ['uploaded', 'behind']) {
      await paint(server, refOf(videoId), 'green', 'blue');
      await download(ann, videoId);
    }
    await paint(server, refOf('behind'), 'white', 'black');
  });
  shared.beforeRestore(async (server) => {
    await paint(server, refOf('newer'), 'green', 'blue', 'white');
    if (database === 'postgres') return;
    tearCopy(server.storage.env.DATA_DIR!, 'torn');
  });
  beforeAll(() => {
    moveTo(ann, shared.app.url);
    openOnDemand(shared.app);
  });

  test.each([
    ['pending', 3, 'blue'],
    ['uploaded', 3, 'blue'],
    ['behind', 5, 'black'],
    ['torn', 2, 'green'],
  ])(
    'a document with live changes (%s) keeps its version, and what it had, in a new epoch',
    async (videoId, version, background) => {
      const state = await documentState(ann, videoId);
      expect(state.epoch).toBeGreaterThanOrEqual(shared.restoredFrom);
      expect(state.server_version).toBe(version);
      const { mark, contentMark } = await findIn(shared.app, videoId);
      expect(contentMark).toBe(mark);
      const { epoch } = state;
      expect(
        await shared.app.nest.get(DocumentsRepository).findMark(refOf(videoId), { epoch, version }),
      ).toBe(mark);
      expect(await download(ann, videoId)).toEqual([background]);
      await paint(shared.app, refOf(videoId), 'and on');
      expect(await documentState(ann, videoId)).toMatchObject({ epoch, server_version: version + 1 });
      expect(await download(ann, videoId)).toEqual(['and on']);
      const left = `SELECT 1 AS "one" FROM document_journal WHERE video_id = '${videoId}'`;
      expect(await shared.app.nest.get(Database).query(left)).toEqual([]);
    },
  );

  test('a working copy that is newer than the backup raises the version to its own', async () => {
    const state = await documentState(ann, 'newer');
    expect(state.server_version).toBe(database === 'sqlite' ? 4 : 1);
    if (database === 'postgres') return;
    const { sizeBytes } = await findIn(shared.app, 'newer');
    expect(sizeBytes).toBe(state.size_bytes);
    expect(await download(ann, 'newer')).toEqual(['white']);
  });
});
