import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Database } from '../../src/foundation/database/database.js';
import { forEachDatabase } from '../support/app.js';
import { pathOf, write } from '../support/documents.js';
import type { TestDevice } from '../support/device.js';
import { MINUTE_MS, World } from './world.js';

async function listVersions(device: TestDevice): Promise<number[]> {
  const reply = await device.request('GET', `${pathOf('v1')}/versions`);
  expect(reply.status).toBe(200);
  return (reply.body as { versions: { epoch: number }[] }).versions.map(({ epoch }) => epoch);
}

forEachDatabase((database) => {
  test('the newest ten versions are kept; older ones go, but not while an address of theirs may work', async () => {
    await using world = await World.make(database, { DOWNLOAD_URL_TTL_SECONDS: '1200' });
    const laptop = await world.newDevice();
    const epochs = () =>
      world
        .objects()
        .map((key) => Number(key.split('/').at(-1)!.split('-')[0]))
        .sort((a, b) => a - b);
    for (let epoch = 1; epoch <= 10; epoch += 1) {
      await write(laptop, 'v1', [`epoch ${epoch}`]);
      await world.pass(6);
    }
    const oldest = await laptop.request('GET', `${pathOf('v1')}/versions`);
    expect(oldest.body.versions).toHaveLength(10);
    expect(oldest.body.versions[9]).toEqual({
      epoch: 1,
      server_version: 1,
      mark: expect.any(String) as string,
      size_bytes: expect.any(Number) as number,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      uploaded_at: expect.any(Number) as number,
    });
    for (const epoch of [11, 12]) {
      await write(laptop, 'v1', [`epoch ${epoch}`]);
      await world.pass(6);
    }
    expect(await listVersions(laptop)).toEqual([12, 11, 10, 9, 8, 7, 6, 5, 4, 3]);
    expect(epochs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await world.pass(13.9); // 19.9 minutes after the eleventh upload, which retired epoch 1
    expect(epochs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await world.pass(0.2);
    expect(epochs()).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await world.pass(6);
    expect(epochs()).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(await listVersions(laptop)).toHaveLength(10);
  });

  test('what a broken upload left is removed after an hour, the object before its row', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    await world.pass(6);
    const [kept] = world.objects();
    const left = (name: string) => `${laptop.accountId}/videos/v1/layout/${name}.db.gz`;
    for (const name of ['9-1-written', '9-1-never-written']) {
      await world.app.nest.get(Database).transaction((tx) =>
        tx.query(
          `INSERT INTO document_versions (account_id, video_id, kind, object_key, epoch, version, state,
             renewed_at, sweep_at)
           VALUES ($1, 'v1', 'layout', $2, 9, 1, 'uploading', $3, $4)`,
          [laptop.accountId, left(name), world.clock.ms, world.clock.ms + 60 * MINUTE_MS],
        ),
      );
    }
    const orphan = join(world.folder, left('9-1-written'));
    mkdirSync(dirname(orphan), { recursive: true });
    writeFileSync(orphan, 'half');
    const rows = () => world.query('SELECT object_key FROM document_versions');
    await world.pass(59);
    expect(world.objects()).toHaveLength(2);
    world.loseStore();
    await expect(world.pass(2)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    expect(await rows()).toHaveLength(3);
    world.returnStore();
    // The object that could not be removed is tried again in ten minutes, and does not delay the other.
    await world.tick();
    expect(await rows()).toHaveLength(2);
    await world.pass(11);
    expect(world.objects()).toEqual([kept]);
    expect(await rows()).toHaveLength(1);
  });
});
