import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forEachDatabase, startApp } from '../support/app.js';
import {
  documentState,
  download,
  hold,
  packedLayout,
  pathOf,
  putContent,
  release,
} from '../support/documents.js';
import { expectProblem } from '../support/exchange.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage } from '../support/storage.js';
import { World } from '../uploads/world.js';

const MEGABYTE = 1_000_000;

describeWithSmallDisk('on a small disk', () => {
  test('a document that does not fit is refused, what was there stays, and smaller ones are taken', async () => {
    using disk = SmallDisk.mount(16);
    const storage = await createStorage('sqlite');
    const env = { DATA_DIR: disk.path };
    await using app = await startApp('sqlite', { storage: { ...storage, env: { ...storage.env, ...env } } });
    const laptop = await app.newDevice();
    const holding = await hold(laptop, 'v1');
    expect((await putContent(holding, '0-0', packedLayout(['red'], MEGABYTE))).status).toBe(200);
    const before = await documentState(laptop, 'v1');
    for (const size of [9 * MEGABYTE, 20 * MEGABYTE]) {
      expectProblem(await putContent(holding, '1-1', packedLayout([], size)), 507, 'DISK_FULL');
    }
    const { lock: _renewed, ...now } = await documentState(laptop, 'v1');
    expect(before).toMatchObject(now);
    const incoming = join(disk.path, 'documents', '0', 'incoming');
    expect(existsSync(incoming) && readdirSync(incoming)).toEqual([]);
    expect((await putContent(holding, '1-1', packedLayout(['green'], MEGABYTE))).status).toBe(200);
    expect(await download(laptop, 'v1')).toEqual(['green']);
    await release(holding);
    await app.stop();
    await storage.dispose();
  });

  forEachDatabase((database) => {
    test('that has filled up, what was acknowledged is uploaded as soon as there is room', async () => {
      using disk = SmallDisk.mount(16);
      const filler = join(disk.path, 'filler');
      await using world = await World.make(database, { DATA_DIR: disk.path });
      const laptop = await world.newDevice();
      const holding = await hold(laptop, 'v1');
      expect((await putContent(holding, '0-0', packedLayout(['red'], MEGABYTE))).status).toBe(200);
      const before = await documentState(laptop, 'v1');
      expect(() => writeFileSync(filler, Buffer.alloc(17 * MEGABYTE))).toThrow('ENOSPC');
      expectProblem(await putContent(holding, '1-1', packedLayout(['green'], MEGABYTE)), 507, 'DISK_FULL');
      await world.pass(5);
      expect(world.objects()).toEqual([]);
      const { uploads } = await world.health();
      expect(uploads.pending).toBe(1);
      expect(uploads.last_failure?.reason).toMatch(/disk is full/);
      expectProblem(await laptop.request('GET', `${pathOf('v1')}/download-url`), 507, 'DISK_FULL');
      rmSync(filler);
      // On SQLite the database is on the full disk too, so it cannot store the count.
      const failures = database === 'postgres' ? 1 : 0;
      expect(await documentState(laptop, 'v1')).toEqual({ ...before, lock: null, upload_failures: failures });
      await world.pass(2);
      expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
      expect(await download(laptop, 'v1')).toEqual(['red']);
      expect(world.objects()).toHaveLength(1);
      expect(readdirSync(join(disk.path, 'documents', '0', 'incoming'))).toEqual([]);
    });
  });
});

test('working copies that are not uploaded are kept; those that are make room', async () => {
  await using app = await startApp('sqlite', { env: { MAX_WORKING_COPY_BYTES: '3000000' } });
  const laptop = await app.newDevice();
  for (const video of ['a', 'b']) {
    const holding = await hold(laptop, video);
    expect((await putContent(holding, '0-0', packedLayout([video], MEGABYTE))).status).toBe(200);
  }
  const third = await hold(laptop, 'c');
  const reply = await putContent(third, '0-0', packedLayout(['c'], MEGABYTE));
  expectProblem(reply, 507, 'DISK_FULL');
  expect(reply.body.detail).toMatch(/not uploaded yet/);
  expect(await download(laptop, 'a')).toEqual(['a']);
  expect((await putContent(third, '0-0', packedLayout(['c'], MEGABYTE))).status).toBe(200);
  for (const video of ['a', 'b', 'c']) expect(await download(laptop, video)).toEqual([video]);
});
