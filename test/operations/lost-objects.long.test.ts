import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ObjectStorage } from '../../src/storage/storage.js';
import { documentState, download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { TestClock } from '../support/shared-app.js';
import { holdNext } from '../uploads/hold-back.js';
import { objectsIn } from '../uploads/world.js';
import { databasesWithTools, pass, useSites } from './backups.js';

describe.each(databasesWithTools)('on %s', (database) => {
  const openSite = useSites(database);

  test('restore onto a store that lost objects goes on from older ones, and names the lost', async () => {
    await using site = await openSite();
    const clock = new TestClock();
    const first = await site.start({}, clock.now);
    const laptop = await first.newDevice();
    const small = await write(laptop, 'lost', ['one']);
    await pass(first, clock, 6);
    const large = await write(laptop, 'lost', Array<string>(500).fill('two'));
    expect(large.size_bytes).toBeGreaterThan(small.size_bytes!);
    await pass(first, clock, 6);
    await write(laptop, 'kept', ['kept']);
    await write(laptop, 'swept', ['1']);
    await pass(first, clock, 6);
    await write(laptop, 'pending', ['pending']);
    await site.run('backup');
    for (const time of [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      await write(laptop, 'swept', [String(time)]);
      await pass(first, clock, 6);
    }
    await pass(first, clock, 60);
    const [newest = ''] = objectsIn(site.objects).filter((key) => key.includes('/lost/layout/2-'));
    rmSync(join(site.objects, newest));
    await first.stop();

    const said = await site.run('restore');
    const nameOf = (video: string) => `${laptop.accountId}/${video}/layout`;
    expect(said).toContain(`so these go on from an older one: ${nameOf('lost')}.`);
    expect(said).toContain(`Nothing is left in the store of: ${nameOf('swept')}.`);
    await using again = await site.start({}, clock.now);
    moveTo(laptop, again.url);
    expect(await download(laptop, 'lost')).toEqual(['one']);
    expect((await documentState(laptop, 'lost')).size_bytes).toBe(small.size_bytes);
    expect(await download(laptop, 'kept')).toEqual(['kept']);
    expect(await download(laptop, 'pending')).toEqual(['pending']);
    await write(laptop, 'swept', ['written anew']);
    expect(await download(laptop, 'swept')).toEqual(['written anew']);
  });

  test('a backup made during an upload, restored by mistake, takes no object from a later backup', async () => {
    await using site = await openSite();
    const clock = new TestClock();
    const first = await site.start({}, clock.now);
    const laptop = await first.newDevice();
    await write(laptop, 'v1', ['red']);
    const stored = holdNext(first.nest.get(ObjectStorage), 'write', 'after');
    const uploading = pass(first, clock, 6);
    await stored.reached;
    await site.run('backup', { name: 'during' });
    stored.goOn();
    await uploading;
    await site.run('backup', { name: 'after' });
    await first.stop();
    const [uploaded] = objectsIn(site.objects);

    await site.run('restore', { name: 'during' });
    const mistaken = await site.start({}, clock.now);
    await pass(mistaken, clock, 61);
    await mistaken.stop();
    expect(objectsIn(site.objects)).toContain(uploaded);
    await site.run('restore', { name: 'after' });
    await using again = await site.start({}, clock.now);
    moveTo(laptop, again.url);
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });
});
