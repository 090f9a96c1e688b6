import { clockOf, liveRows, moveTo, push } from '../support/exchange.js';
import { creating } from '../support/records.js';
import { databasesWithTools, useSites } from '../operations/backups.js';
import { Folder, HABITS } from './habits.js';

const GROWN = HABITS.replace(
  '  entries: {',
  '  tags: { since: 2, columns: { habit_id: ref("habits"), label: text() } },\n  entries: {',
);

describe.each(databasesWithTools)('on %s', (database) => {
  const openSite = useSites(database);

  test('a backup from before a table was declared comes back, and the table is made again', async () => {
    using folder = new Folder({ 'before.ts': HABITS, 'now.ts': GROWN });
    await using site = await openSite({ TABLES: folder.join('now.ts') });
    await using first = await site.start({ TABLES: folder.join('before.ts') });
    const device = await first.newDevice();
    const habit = { id: 'h1', name: 'Run', cadence: 'daily', goal: 1, archived: false };
    await push(device, creating({ habits: [habit] }), await clockOf(device));
    await first.stop();
    await site.run('backup');

    await using grown = await site.start();
    moveTo(device, grown.url);
    const tag = { id: 't1', habit_id: 'h1', label: 'outdoors' };
    await push(device, creating({ tags: [tag] }), await clockOf(device));
    await grown.stop();
    await site.run('restore');

    await using again = await site.start();
    moveTo(device, again.url);
    expect(await liveRows(device)).toMatchObject({ habits: [habit], tags: [] });
    await push(device, creating({ tags: [tag] }), await clockOf(device));
    expect(await liveRows(device)).toMatchObject({ tags: [tag] });
  });
});
