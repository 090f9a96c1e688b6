import { readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { SqliteWorkers } from '../../src/documents/import/sqlite-workers.js';
import { forEachDatabase, startApp, type DatabaseName } from '../support/app.js';
import { download, hold, packedLayout, putContent, release } from '../support/documents.js';
import type { TestDevice } from '../support/device.js';
import { expectProblem, moveTo, pull, store } from '../support/exchange.js';
import { game } from '../support/records.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage, type Storage } from '../support/storage.js';
import { around, moment } from '../uploads/hold-back.js';
import { World } from '../uploads/world.js';

const MEGABYTE = 1_000_000;
const DISK_MIB = 24;
/** An eighth of the disk. */
const RESERVED_BYTES = (DISK_MIB / 8) * 1_048_576;

/** Writes a document that no gzip makes smaller. @returns the status */
async function writeLarge(device: TestDevice, video: string, bytes = 2.5 * MEGABYTE): Promise<number> {
  const holding = await hold(device, video);
  const reply = await putContent(holding, '0-0', packedLayout([video], bytes));
  if (reply.status !== 200) expectProblem(reply, 507, 'DISK_FULL');
  await release(holding);
  return reply.status;
}

/** The folder of a document's working copies. */
function copiesOf(disk: SmallDisk, video: string): string {
  const root = join(disk.path, 'data', 'documents');
  const name = join(Buffer.from(video).toString('hex'), 'layout');
  const [folder] = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith(name),
  );
  return join(root, folder!);
}

/** Writes documents until one is refused. @returns how many were taken */
async function writeUntilRefused(device: TestDevice): Promise<number> {
  for (let n = 0; ; n += 1) if ((await writeLarge(device, `v${n}`)) !== 200) return n;
}

const largeGame = (id: string) => game(id, { name: 'g'.repeat(200) });

async function pushGames(device: TestDevice, prefix: string, count: number): Promise<void> {
  const games = Array.from({ length: count }, (_, n) => largeGame(`${prefix}${n}`));
  await store(device, { games });
}

describeWithSmallDisk('on a disk that is smaller than MAX_WORKING_COPY_BYTES', () => {
  let disk: SmallDisk;
  beforeEach(() => void (disk = SmallDisk.mount(DISK_MIB)));
  afterEach(() => disk[Symbol.dispose]());

  async function storageOn(database: DatabaseName): Promise<Storage> {
    const storage = await createStorage(database);
    return { ...storage, env: { ...storage.env, DATA_DIR: join(disk.path, 'data') } };
  }

  forEachDatabase((database) => {
    test('copies of uploaded documents make room for new ones, and the reserve stays free', async () => {
      using objects = SmallDisk.mount(200);
      const storage = await storageOn(database);
      const env = { STORAGE_URL: `file:${objects.path}` };
      const app = await startApp(database, { storage, env });
      const laptop = await app.newDevice();
      for (let n = 0; n < 10; n += 1) {
        expect(await writeLarge(laptop, `v${n}`)).toBe(200);
        expect(await download(laptop, `v${n}`)).toEqual([`v${n}`]);
        expect(disk.freeBytes).toBeGreaterThanOrEqual(RESERVED_BYTES - MEGABYTE);
      }
      expect(await download(laptop, 'v0')).toEqual(['v0']);
      await app.stop();
      await storage.dispose();
    });

    test('documents that are not uploaded leave the reserve, and empty the disk although no copy of one fits', async () => {
      const storage = await storageOn(database);
      await storage.dispose();
      await using world = await World.make(database, { DATA_DIR: join(disk.path, 'data') });
      const laptop = await world.newDevice();
      const taken = database === 'sqlite' ? await writeUntilRefused(laptop) : 10;
      if (database === 'postgres') for (let n = 0; n < taken; n += 1) await writeLarge(laptop, `v${n}`);
      expect(taken).toBeGreaterThanOrEqual(4);
      await pushGames(laptop, 'g', 2_000);
      if (database === 'sqlite') {
        expect(await world.health()).toMatchObject({ status: 'degraded', disk: { removable_bytes: 0 } });
        expect(await world.metric('tidemark_disk_free_bytes')).toBeLessThan(4 * RESERVED_BYTES);
      }
      const remove = disk.fill(MEGABYTE);
      await world.pass(6);
      expect(world.objects()).toHaveLength(taken);
      remove();
      for (const n of [0, taken - 1]) expect(await download(laptop, `v${n}`)).toEqual([`v${n}`]);
      expect(await writeLarge(laptop, 'new')).toBe(200);
      expect(await world.health()).toMatchObject({ status: 'ok' });
    });
  });

  test('contents that are imported at the same time leave the reserve together', async () => {
    const storage = await storageOn('sqlite');
    const app = await startApp('sqlite', { storage });
    const holdings = [await hold(await app.newDevice(), 'a'), await hold(await app.newDevice(), 'b')];
    // Each has room for itself, also while the other is received; both have not.
    const content = packedLayout(['large'], 5.8 * MEGABYTE);
    const [both, allMade] = [moment(), moment()];
    let importing = 0;
    let made = 0;
    let leastFreeBytes = Infinity;
    const undo = around(app.nest.get(SqliteWorkers), 'importDatabase', (real) => async (...task) => {
      importing += 1;
      if (importing === 2) both.come();
      await both.hasCome;
      const imported = await real(...task).finally(() => {
        made += 1;
        if (made === importing) allMade.come();
      });
      await allMade.hasCome;
      leastFreeBytes = Math.min(leastFreeBytes, disk.freeBytes);
      return imported;
    });
    const replies = await Promise.all(
      holdings.map(async (holding) => {
        const reply = await putContent(holding, '0-0', content);
        if (reply.status !== 200) both.come();
        return reply;
      }),
    );
    undo();
    expect(leastFreeBytes).toBeGreaterThanOrEqual(RESERVED_BYTES - MEGABYTE);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 507]);
    await app.stop();
    await storage.dispose();
  });

  test('with its objects on the same disk it takes records when documents have filled it, and starts again', async () => {
    const storage = await storageOn('sqlite');
    let app = await startApp('sqlite', { storage });
    const laptop = await app.newDevice();
    let taken = 0;
    while ((await writeLarge(laptop, `v${taken}`)) === 200) {
      expect(await download(laptop, `v${taken}`)).toEqual([`v${taken}`]);
      taken += 1;
    }
    expect(taken).toBeGreaterThanOrEqual(2);
    await pushGames(laptop, 'a', 2_000);
    await app.stop();
    app = await startApp('sqlite', { storage });
    moveTo(laptop, app.url);
    await pushGames(laptop, 'b', 2_000);
    for (let n = 0; n < taken; n += 1) expect(await download(laptop, `v${n}`)).toEqual([`v${n}`]);
    await app.stop();
    await storage.dispose();
  });

  test('a write that finds the disk full removes what is dispensable and is made', async () => {
    using objects = SmallDisk.mount(100);
    const storage = await storageOn('sqlite');
    const app = await startApp('sqlite', { storage, env: { STORAGE_URL: `file:${objects.path}` } });
    const laptop = await app.newDevice();
    for (const video of ['a', 'b']) {
      expect(await writeLarge(laptop, video)).toBe(200);
      await download(laptop, video);
    }
    disk.fill();
    await pushGames(laptop, 'g', 5_000);
    expect(disk.freeBytes).toBeGreaterThan(MEGABYTE);
    await app.stop();
    await storage.dispose();
  });

  test('content whose transaction finds the disk full is written once, as one version', async () => {
    using objects = SmallDisk.mount(100);
    const storage = await storageOn('sqlite');
    const app = await startApp('sqlite', { storage, env: { STORAGE_URL: `file:${objects.path}` } });
    const laptop = await app.newDevice();
    expect(await writeLarge(laptop, 'dispensable')).toBe(200);
    await download(laptop, 'dispensable');
    const holding = await hold(laptop, 'v1');
    const first = await putContent(holding, '0-0', packedLayout(['first']));
    expect(first.status).toBe(200);
    const copies = copiesOf(disk, 'v1');
    let isFilled = false;
    // The new copy is in its place; the transaction has yet to commit.
    const watcher = watch(copies, () => {
      if (isFilled || readdirSync(copies).length < 2) return;
      isFilled = true;
      disk.fill();
    });
    const second = await putContent(
      holding,
      first.headers.get('etag')!.slice(1, -1),
      packedLayout(['second']),
    );
    watcher.close();
    expect({ isFilled, status: second.status }).toEqual({ isFilled: true, status: 200 });
    const { epoch, mark } = second.body as { epoch: number; mark: string };
    expect(readdirSync(copies)).toEqual([`${epoch}-${mark}.db`]);
    expect(await download(laptop, 'v1')).toEqual(['second']);
    await app.stop();
    await storage.dispose();
  });

  test('it starts with no more room than it had when it stopped', async () => {
    using objects = SmallDisk.mount(100);
    const storage = await storageOn('sqlite');
    const env = { STORAGE_URL: `file:${objects.path}` };
    let app = await startApp('sqlite', { storage, env });
    const laptop = await app.newDevice();
    expect(await writeLarge(laptop, 'pending')).toBe(200);
    const unfill = disk.fill();
    await app.stop();
    app = await startApp('sqlite', { storage, env });
    moveTo(laptop, app.url);
    await pull(laptop);
    unfill();
    expect(await download(laptop, 'pending')).toEqual(['pending']);
    await app.stop();
    await storage.dispose();
  });
});
