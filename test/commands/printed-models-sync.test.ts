import type { Database, Model } from '@nozbe/watermelondb';
import { TidemarkSync, type Session } from '../../examples/watermelondb/sync.js';
import { printModels } from '../../src/commands/tables-model.js';
import { choice, integer, ref, text, timestamp } from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { openPrinted, runPrinted } from '../support/printed-models.js';

const schema = declareSchema({
  habits: {
    since: 1,
    columns: {
      name: text(),
      color: choice(['red', 'blue'], { default: 'red' }),
      goal: integer({ default: 3, since: 2 }),
      archived_at: timestamp({ optional: true }),
    },
  },
  entries: { since: 1, columns: { habit_id: ref('habits'), done_at: timestamp() } },
});

interface Habit extends Model {
  name: string;
  color: string;
  goal: number;
  archivedAt: Date | null;
  entries: { fetch(): Promise<Model[]> };
}

async function openClient(url: string): Promise<{ database: Database; client: TidemarkSync }> {
  const { database } = await openPrinted(runPrinted(printModels(schema, 'tables.ts')));
  let session: Session | null = null;
  const store = {
    read: () => Promise.resolve(session),
    write: (next: Session) => Promise.resolve(void (session = next)),
  };
  return { database, client: new TidemarkSync({ database, url: `${url}/api/v1`, store }) };
}

forEachDatabase((database) => {
  test('two clients with the printed models sync with a server of the same tables', async () => {
    await using app = await startApp(database, { schema });
    const ada = await openClient(app.url);
    const bob = await openClient(app.url);
    await ada.client.signIn();
    const { code } = await ada.client.createPairingCode();
    await bob.client.signIn({ pairing_code: code });

    const habit = await ada.database.write(async () => {
      const made = await ada.database.get<Habit>('habits').create((record) => {
        record.name = 'Read';
        record.archivedAt = new Date(1_790_000_000_000);
      });
      await ada.database.get('entries').create((entry) => Object.assign(entry, { habitId: made.id }));
      return made;
    });
    await ada.client.sync();
    await bob.client.sync();
    const found = await bob.database.get<Habit>('habits').find(habit.id);
    expect(found).toMatchObject({ name: 'Read', color: 'red', goal: 3, syncStatus: 'synced' });
    expect(found.archivedAt?.getTime()).toBe(1_790_000_000_000);
    expect(await found.entries.fetch()).toHaveLength(1);

    await bob.database.write(() => found.update((record) => void (record.archivedAt = null)));
    await bob.client.sync();
    await ada.client.sync();
    expect(habit.archivedAt).toBeNull();

    await ada.database.write(() => habit.markAsDeleted());
    await ada.client.sync();
    await bob.client.sync();
    expect(await bob.database.get('entries').query().fetchCount()).toBe(0);
  });
});
