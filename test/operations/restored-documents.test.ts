import { rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { DocumentState } from '../../src/protocol/documents.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import { startApp, type DatabaseName, type TestApp } from '../support/app.js';
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
import { postgresFolders } from '../support/postgres-tools.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { around } from '../uploads/hold-back.js';
import { storeIn } from '../uploads/world.js';

const [toolsFolder] = postgresFolders();
const databases: DatabaseName[] = toolsFolder === undefined ? ['sqlite'] : ['sqlite', 'postgres'];

/** Writes a document anew that a restore has lost, and checks that what a device still has is not taken for it. */
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

describe.each(databases)('on %s', (database) => {
  let postgres: Postgres | undefined;
  let storage: Storage;
  let folder: string;

  beforeAll(async () => {
    if (database === 'postgres') postgres = await startPostgres({ binDir: toolsFolder });
  });
  afterAll(() => postgres?.stop());
  beforeEach(async () => {
    storage = await createStorage(database, { postgres });
    folder = makeScratchDir('restored');
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await storage.dispose();
  });

  const store = () => storeIn(join(folder, 'objects'));
  /** A data folder that is not the first server's. */
  const elsewhere = () => ({ DATA_DIR: join(folder, 'elsewhere') });

  /** @param env options that are other than the first server's */
  const start = (env: Record<string, string> = {}): Promise<TestApp> =>
    startApp(database, {
      storage: { ...storage, env: { ...storage.env, ...env } },
      env: { ...store(), JWT_SECRET: 'the same in every data folder, and long enough' },
    });

  /** Runs a command that takes the backup's file. @returns what it says */
  const run = async (command: 'backup' | 'restore', env: Record<string, string> = {}): Promise<string> => {
    const PATH = [toolsFolder, process.env.PATH].join(delimiter);
    const options = { ...storage.env, ...store(), ...env, PATH };
    const result = await runTidemark([command, join(folder, 'tidemark.backup')], options);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    return result.stdout;
  };

  test('a document that is not in the backup, made anew, is none of the versions that were lost', async () => {
    await using first = await start();
    const phone = await first.newDevice();
    const laptop = await phone.pair();
    await run('backup');
    const lost = await write(phone, 'v1', ['lost']);
    await first.stop();
    await run('restore');

    await using again = await start();
    for (const device of [phone, laptop]) moveTo(device, again.url);
    await expectAnother(lost, phone, laptop);
  });

  if (database === 'sqlite') {
    test('a document that was lost with its working copy, made anew, is none of the versions before', async () => {
      await using first = await start();
      const phone = await first.newDevice();
      const laptop = await phone.pair();
      const lost = await write(phone, 'v1', ['lost']);
      await run('backup');
      await first.stop();
      expect(await run('restore', elsewhere())).toContain('1 documents that were never uploaded are lost');

      await using moved = await start(elsewhere());
      for (const device of [phone, laptop]) moveTo(device, moved.url);
      await expectAnother(lost, phone, laptop);
    });

    test('a document that goes on from its last upload has the size of that, and none of the failures since', async () => {
      await using first = await start();
      const laptop = await first.newDevice();
      const small = await write(laptop, 'v1', ['uploaded']);
      await download(laptop, 'v1');
      const large = packedLayout(['lost'], 500_000);
      expect((await putContent(await hold(laptop, 'v1'), '1-1', large)).status).toBe(200);
      around(
        first.nest.get(ObjectStorage),
        'write',
        () => () => Promise.reject(new Error('The store failed.')),
      );
      const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
      const uploading = first.nest.get(UploadsService).upload(ref, { isForced: false }); // as the schedule does
      await expect(uploading).rejects.toThrow('The store failed.');
      expect((await documentState(laptop, 'v1')).upload_failures).toBe(1);
      await run('backup');
      await first.stop();
      expect(await run('restore', elsewhere())).toContain('1 documents go on from their last upload');

      await using moved = await start(elsewhere());
      moveTo(laptop, moved.url);
      const { size_bytes, upload_failures } = await documentState(laptop, 'v1');
      expect({ size_bytes, upload_failures }).toEqual({ size_bytes: small.size_bytes, upload_failures: 0 });
      expect(await download(laptop, 'v1')).toEqual(['uploaded']);
    });
  } else {
    test('a working copy of what was lost, on the disk of another process, is not taken for what is made anew', async () => {
      await using first = await start();
      const laptop = await first.newDevice();
      await run('backup');
      await write(laptop, 'v1', ['lost']);
      await first.stop();
      await run('restore');

      await using again = await start();
      await using other = await start(elsewhere());
      moveTo(laptop, other.url);
      await write(laptop, 'v1', ['anew']);
      moveTo(laptop, again.url);
      expect(await download(laptop, 'v1')).toEqual(['anew']); // uploaded by the process with the old copy
    });
  }
});
