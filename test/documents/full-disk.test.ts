import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startApp } from '../support/app.js';
import { documentState, download, hold, packedLayout, putContent, release } from '../support/documents.js';
import { expectProblem } from '../support/exchange.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { createStorage } from '../support/storage.js';

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
  }, 60_000);
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
}, 60_000);
