import { renameSync, rmSync } from 'node:fs';
import { documentState, download, packedLayout, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { TestClock } from '../support/shared-app.js';
import { makeDatabaseOfBefore, sha256Of } from '../uploads/database-of-before.js';
import { objectsIn } from '../uploads/world.js';
import { databasesWithTools, pass, useSites } from './backups.js';

describe.each(databasesWithTools)('on %s', (database) => {
  const openSite = useSites(database);

  test('restore onto another store, or none, says so and changes no document', async () => {
    await using site = await openSite();
    const clock = new TestClock();
    const first = await site.start({}, clock.now);
    const laptop = await first.newDevice();
    await write(laptop, 'v1', ['red']);
    await pass(first, clock, 6);
    await site.run('backup');
    await first.stop();
    renameSync(site.objects, `${site.objects}-elsewhere`);
    expect(await site.run('restore')).toContain('is STORAGE_URL what it was?');
    rmSync(site.objects, { recursive: true, force: true });
    renameSync(`${site.objects}-elsewhere`, site.objects);
    await using again = await site.start({}, clock.now);
    moveTo(laptop, again.url);
    const { epoch, stored_version } = await documentState(laptop, 'v1');
    expect(stored_version).toMatchObject({ epoch, server_version: 1 });
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });

  test('a backup made during an upload, by a server whose versions had no state, takes no object either', async () => {
    await using site = await openSite();
    const clock = new TestClock();
    const content = packedLayout(['red']);
    const startedAt = clock.ms;
    await makeDatabaseOfBefore(
      site.storage,
      site.objects,
      [
        { epoch: 1, content, sha256: sha256Of(content), startedAt, isListed: true },
        { epoch: 2, content, sha256: '', startedAt }, // given up
        { epoch: 3, content, sha256: null, startedAt }, // under way
      ],
      clock.ms,
    );
    await site.run('backup');
    expect(await site.run('restore')).toContain('Restored 1 accounts');
    await using app = await site.start({}, clock.now);
    await pass(app, clock, 61);
    expect(
      objectsIn(site.objects)
        .map((key) => key.split('/').at(-1)![0])
        .sort(),
    ).toEqual(['1', '3']);
  });
});
