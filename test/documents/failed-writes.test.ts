import { readdirSync, watch } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { DocumentState } from '../../src/protocol/documents.js';
import { Database } from '../../src/foundation/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import {
  documentState,
  download,
  hold,
  packedLayout,
  putContent,
  type Holding,
} from '../support/documents.js';
import { expectProblem } from '../support/exchange.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage } from '../support/storage.js';

// On SQLite a content is the working copy alone, which is put in its place before its transaction commits.

const MEGABYTE = 1_000_000;

/** Lets the system say so many times that it has no room to sync a folder. @returns a function that tells how often it did */
async function refuseFolderSyncs(times: number): Promise<() => number> {
  const handle = await open('.');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const { sync } = prototype;
  let refused = 0;
  jest.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    if (refused === times || !(await this.stat()).isDirectory()) return sync.call(this);
    refused += 1;
    throw Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' });
  });
  return () => refused;
}

afterEach(() => jest.restoreAllMocks());

const tagOf = (state: DocumentState) => `${state.epoch}-${state.server_version}-${state.mark}`;

/** The names in the folder of a document's working copies, and of temporary files. */
function filesOf(app: TestApp, videoId: string): { copies: string[]; incoming: string[] } {
  const root = join(app.storage.env.DATA_DIR!, 'documents', '0');
  const folder = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith(join(Buffer.from(videoId).toString('hex'), 'layout')),
  );
  return {
    copies: folder === undefined ? [] : readdirSync(join(root, folder)),
    incoming: readdirSync(join(root, 'incoming')),
  };
}

test.each([1, 3])(
  'a content whose folders cannot be synced at first, %d times, is written once there is room',
  async (times) => {
    await using app = await startApp('sqlite');
    const holding = await hold(await app.newDevice(), 'v1');
    const refused = await refuseFolderSyncs(times);
    expect((await putContent(holding, '0-0', packedLayout(['red']))).status).toBe(200);
    expect(refused()).toBe(times);
    expect(filesOf(app, 'v1')).toMatchObject({ copies: { length: 1 }, incoming: [] });
    expect(await download(holding.device, 'v1')).toEqual(['red']);
  },
);

test('a content whose folders cannot be synced is refused with 507, and leaves nothing behind', async () => {
  await using app = await startApp('sqlite');
  const holding = await hold(await app.newDevice(), 'v1');
  expect((await putContent(holding, '0-0', packedLayout(['red']))).status).toBe(200);
  const before = filesOf(app, 'v1');
  const tag = tagOf(await documentState(holding.device, 'v1'));
  await refuseFolderSyncs(Infinity);
  expectProblem(await putContent(holding, tag, packedLayout(['green'])), 507, 'DISK_FULL');
  jest.restoreAllMocks();
  expect(filesOf(app, 'v1')).toEqual(before);
  expect((await putContent(holding, tag, packedLayout(['blue']))).status).toBe(200);
  expect(await download(holding.device, 'v1')).toEqual(['blue']);
});

describeWithSmallDisk('on a disk that is full when contents commit', () => {
  /** Writes a content whose transaction finds the disk full when it commits. */
  async function writeOnFullDisk(app: TestApp, disk: SmallDisk, holding: Holding): Promise<void> {
    const { path } = disk;
    const root = join(path, 'data', 'documents', '0');
    const name = join(Buffer.from(holding.videoId).toString('hex'), 'layout');
    const folder = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((at) => at.endsWith(name))!;
    // The commit must take new room.
    await app.nest.get(Database).dataSource.query('PRAGMA wal_checkpoint(TRUNCATE)');
    let unfill: (() => void) | undefined;
    const watcher = watch(join(root, folder), () => {
      if (!unfill && readdirSync(join(root, folder)).length > 1) unfill = disk.fill();
    });
    const tag = tagOf(await documentState(holding.device, holding.videoId));
    const reply = await putContent(holding, tag, packedLayout(['lost'], 2.5 * MEGABYTE));
    watcher.close();
    expectProblem(reply, 507, 'DISK_FULL');
    unfill!();
    expect(readdirSync(join(root, folder))).toHaveLength(1);
  }

  test('their copies take no room from others', async () => {
    using disk = SmallDisk.mount(32);
    const storage = await createStorage('sqlite');
    const env = { DATA_DIR: join(disk.path, 'data'), MAX_WORKING_COPY_BYTES: String(8 * MEGABYTE) };
    const app = await startApp('sqlite', { storage: { ...storage, env: { ...storage.env, ...env } } });
    const laptop = await app.newDevice();
    const holdings: Holding[] = [];
    for (const videoId of ['a', 'b', 'c']) {
      const holding = await hold(laptop, videoId);
      expect((await putContent(holding, '0-0', packedLayout([videoId]))).status).toBe(200);
      holdings.push(holding);
    }
    for (const holding of holdings) await writeOnFullDisk(app, disk, holding);
    const next = await hold(laptop, 'next');
    const reply = await putContent(next, '0-0', packedLayout(['next'], 2.5 * MEGABYTE));
    expect({ status: reply.status, detail: reply.body.detail }).toEqual({ status: 200, detail: undefined });
    for (const videoId of ['a', 'b', 'c', 'next']) expect(await download(laptop, videoId)).toEqual([videoId]);
    await app.stop();
    await storage.dispose();
  });
});
