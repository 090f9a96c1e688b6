import type { DocumentState } from '../../src/protocol/documents.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import type { TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { around } from '../uploads/hold-back.js';
import { databasesWithTools, shareRestore } from './backups.js';

/** Rewrites a document that a restore has lost, and checks that a device's old copy is not mistaken for it. */
async function expectAnother(lost: DocumentState, holder: TestDevice, writer: TestDevice): Promise<void> {
  const { video_id, epoch, server_version } = lost;
  const anew = await write(writer, video_id, ['anew']);
  const { body } = await lock(holder, video_id, { epoch, server_version });
  expect(body).toMatchObject({ needs_download: true, epoch: anew.epoch });
  const over = packedLayout(['lost, and more']);
  const reply = await putContent(await hold(holder, video_id), `${epoch}-${server_version}`, over);
  expectProblem(reply, 412, 'VERSION_MISMATCH');
  expect(await download(writer, video_id)).toEqual(['anew']);
}

describe.each(databasesWithTools)('on %s', (database) => {
  const shared = shareRestore(database, {
    JWT_SECRET: 'the same in every data folder, and long enough',
  });
  /** Another data folder than the first server's. */
  const elsewhere = () => ({ DATA_DIR: `${shared.site.folder}/elsewhere` });

  describe('a document', () => {
    let phone: TestDevice;
    let laptop: TestDevice;
    let lost: DocumentState;
    shared.beforeBackup(async (server) => {
      phone = await server.newDevice();
      laptop = await phone.pair();
    });
    shared.beforeRestore(async () => {
      lost = await write(phone, 'v1', ['lost']);
    });

    test('that is not in the backup, made anew, is none of the versions that were lost', async () => {
      for (const device of [phone, laptop]) moveTo(device, shared.app.url);
      await expectAnother(lost, phone, laptop);
    });
  });

  if (database === 'postgres') {
    describe('a working copy', () => {
      let laptop: TestDevice;
      shared.beforeBackup(async (server) => {
        laptop = await server.newDevice();
      });
      shared.beforeRestore(() => write(laptop, 'v1', ['lost']));

      test('of what was lost, on the disk of another process, is not taken for what is made anew', async () => {
        await using other = await shared.site.start(elsewhere());
        moveTo(laptop, other.url);
        await write(laptop, 'v1', ['anew']);
        moveTo(laptop, shared.app.url);
        expect(await download(laptop, 'v1')).toEqual(['anew']); // uploaded by the process with the old copy
      });
    });
    return;
  }

  describe('restored to a new data folder, a document', () => {
    let phone: TestDevice;
    let tablet: TestDevice;
    let laptop: TestDevice;
    let lost: DocumentState;
    let small: DocumentState;
    let said: string;
    let moved: TestApp;
    shared.beforeBackup(async (server) => {
      phone = await server.newDevice();
      tablet = await phone.pair();
      lost = await write(phone, 'v1', ['lost']);

      laptop = await server.newDevice();
      small = await write(laptop, 'v1', ['uploaded']);
      await download(laptop, 'v1');
      const large = packedLayout(['lost'], 500_000);
      expect((await putContent(await hold(laptop, 'v1'), '1-1', large)).status).toBe(200);
      around(server.nest.get(ObjectStorage), 'write', (real) => (key, body) => {
        const isTheirs = key.startsWith(laptop.accountId);
        return isTheirs ? Promise.reject(new Error('The store failed.')) : real(key, body);
      });
      const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
      const uploading = server.nest.get(UploadsService).upload(ref, { isForced: false }); // as the schedule does
      await expect(uploading).rejects.toThrow('The store failed.');
      expect((await documentState(laptop, 'v1')).upload_failures).toBe(1);
    });
    beforeAll(async () => {
      said = await shared.site.run('restore', { env: elsewhere() });
      moved = await shared.site.start(elsewhere());
      for (const device of [phone, tablet, laptop]) moveTo(device, moved.url);
    });
    afterAll(() => moved?.close());

    test('that was lost with its working copy, made anew, is none of the versions before', async () => {
      expect(said).toContain('1 documents that were never uploaded are lost');
      await expectAnother(lost, phone, tablet);
    });

    test('that goes on from its last upload has the size of that, and none of the failures since', async () => {
      expect(said).toContain('1 documents go on from their last upload');
      const { size_bytes, upload_failures } = await documentState(laptop, 'v1');
      expect({ size_bytes, upload_failures }).toEqual({ size_bytes: small.size_bytes, upload_failures: 0 });
      expect(await download(laptop, 'v1')).toEqual(['uploaded']);
    });
  });
});
