import { Database } from '../../src/foundation/database/database.js';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { download, packedLayout, pathOf, write } from '../support/documents.js';
import { TestClock } from '../support/shared-app.js';
import { storeForEach } from '../support/store-for-each.js';
import { makeDatabaseOfBefore, PAIRING_CODE, sha256Of, UPLOADED_AT } from './database-of-before.js';
import { MINUTE_MS, objectsIn, storeIn } from './world.js';

forEachDatabase((database) => {
  const store = storeForEach(database);

  test('versions from before they had a state are listed, downloaded and swept as before', async () => {
    const clock = new TestClock();
    const { storage, objects } = store();
    const [green, blue] = [packedLayout(['green']), packedLayout(['blue'])];
    const minutesAgo = (minutes: number) => clock.ms - minutes * MINUTE_MS;
    await makeDatabaseOfBefore(
      storage,
      objects,
      [
        { epoch: 3, content: blue, sha256: sha256Of(blue), startedAt: minutesAgo(600), isListed: true },
        { epoch: 2, content: green, sha256: sha256Of(green), startedAt: minutesAgo(700), isListed: true },
        // Retired; its download addresses may work for ten more minutes.
        { epoch: 1, content: green, sha256: sha256Of(green), startedAt: minutesAgo(50) },
        // Abandoned, by its upload or by a sweep that could not remove the object.
        { epoch: 4, content: green, sha256: '', startedAt: minutesAgo(40) },
        // No longer renewed.
        { epoch: 5, content: green, sha256: null, startedAt: minutesAgo(30) },
      ],
      clock.ms,
    );

    const env = storeIn(objects);
    await using app = await startApp(database, { storage, now: clock.now, env });
    const laptop = await TestDevice.register(app.url, { pairing_code: PAIRING_CODE });
    const pass = (minutes: number) => {
      clock.ms += minutes * MINUTE_MS;
      return app.nest.get(UploadSchedule).tick();
    };
    const epochsInStore = () =>
      objectsIn(objects)
        .map((key) => Number(key.split('/').at(-1)!.split('-')[0]))
        .sort((a, b) => a - b);
    const listVersions = async () =>
      ((await laptop.request('GET', `${pathOf('v1')}/versions`)).body as { versions: object[] }).versions;
    const versionOf = (epoch: number, content: Buffer) => ({
      epoch,
      server_version: 1,
      mark: null,
      size_bytes: content.length,
      sha256: sha256Of(content),
      uploaded_at: UPLOADED_AT + epoch,
    });

    expect(await listVersions()).toEqual([versionOf(3, blue), versionOf(2, green)]);
    // The download makes the content anew, as one that can merge changes, at epoch 4.
    expect(await download(laptop, 'v1')).toEqual(['blue']);
    await pass(9.9);
    expect(epochsInStore()).toEqual([1, 2, 3, 4, 4, 5]);
    await pass(0.2);
    expect(epochsInStore()).toEqual([2, 3, 4, 4, 5]);
    await pass(9.8);
    expect(epochsInStore()).toEqual([2, 3, 4, 4, 5]);
    await pass(0.2);
    expect(epochsInStore()).toEqual([2, 3, 4, 5]);
    await pass(9.8);
    expect(epochsInStore()).toEqual([2, 3, 4, 5]);
    await pass(0.2);
    expect(epochsInStore()).toEqual([2, 3, 4]);
    const rows = await app.nest.get(Database).query<object>('SELECT state, sweep_at FROM document_versions');
    expect(rows).toEqual(Array(3).fill({ state: 'stored', sweep_at: null }));

    await write(laptop, 'v1', ['red']);
    await pass(6);
    expect(await listVersions()).toMatchObject([{ epoch: 5 }, { epoch: 4 }, { epoch: 3 }, { epoch: 2 }]);
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });
});
