import { declaredTables } from '../../src/declared-tables.js';
import { forEachDatabase } from '../support/app.js';
import { Phone } from '../support/phone.js';
import { runTidemark, startServer, StartFailure, type ServerProcess } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { Folder, HABITS } from './habits.js';

/** A server that was started in an empty folder with a declaration of own tables, and the apps of that declaration. */
forEachDatabase((database) => {
  let folder: Folder;
  let storage: Storage;
  let server: ServerProcess;
  const env = { WEB_DIR: 'off' };
  const start = (port?: number) =>
    startServer({ storage, port, flags: ['--tables', './tables.ts'], folder: folder.path, env });
  const startAgain = async () => void (server = await start(Number(new URL(server.url).port)));

  beforeAll(async () => {
    folder = new Folder({ 'tables.ts': HABITS });
    storage = await createStorage(database);
    server = await start();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await storage?.dispose();
    folder[Symbol.dispose]();
  });

  const openTwo = async (): Promise<[Phone, Phone]> => {
    const schema = await declaredTables(folder.join('tables.ts'));
    const ada = await Phone.open(server.url, { name: 'ada', schema });
    const bob = await ada.pair({ name: 'bob' });
    return [ada, bob];
  };

  test('two clients sync all kinds of columns both ways', async () => {
    const [ada, bob] = await openTwo();
    const run = await ada.create('habits', { name: 'Run 🏃', cadence: 'weekly', goal: 3, archived: false });
    const entry = await ada.create('entries', { habit_id: run, done_at: 1_790_000_000_000, amount: null });
    await ada.create('notes', { habit_id: run, entry_id: entry, body: 'wet' });
    await ada.sync();
    await bob.sync();
    expect(await bob.everything()).toEqual(await ada.everything());
    expect(await bob.find('habits', run)).toEqual({
      id: run,
      name: 'Run 🏃',
      cadence: 'weekly',
      goal: 3,
      archived: false,
    });

    await bob.create('notes', { habit_id: run, body: null });
    await bob.update('entries', entry, { amount: 12 });
    await bob.sync();
    await ada.sync();
    expect(await ada.everything()).toEqual(await bob.everything());
    expect(await ada.find('entries', entry)).toMatchObject({ amount: 12 });
    expect(await ada.rows('notes')).toHaveLength(2);
  });

  test('what both change without a connection is merged column by column', async () => {
    const [ada, bob] = await openTwo();
    const id = await ada.create('habits', { name: 'Read', goal: 1 });
    await ada.sync();
    await bob.sync();
    await ada.update('habits', id, { name: 'Read a book' });
    await bob.update('habits', id, { goal: 5, cadence: 'weekly' });
    await bob.create('entries', { habit_id: id, done_at: 5 });
    for (const phone of [ada, bob, ada]) await phone.sync();
    const merged = { id, name: 'Read a book', goal: 5, cadence: 'weekly', archived: false };
    expect(await ada.find('habits', id)).toEqual(merged);
    expect(await ada.everything()).toEqual(await bob.everything());
    expect(await ada.unsyncedCount()).toBe(0);
  });

  test('deleting a habit deletes what is below it, also what another client adds meanwhile', async () => {
    const [ada, bob] = await openTwo();
    const gone = await ada.create('habits', { name: 'Smoke' });
    const kept = await ada.create('habits', { name: 'Swim' });
    const entry = await ada.create('entries', { habit_id: gone, done_at: 1 });
    await ada.create('notes', { habit_id: kept, entry_id: entry, body: 'refers to a deleted entry' });
    await ada.sync();
    await bob.sync();
    await bob.create('entries', { habit_id: gone, done_at: 2 });
    await ada.delete('habits', gone);
    for (const phone of [ada, bob, ada, bob]) await phone.sync();
    for (const phone of [ada, bob]) {
      expect(await phone.rows('habits')).toMatchObject([{ id: kept }]);
      expect(await phone.rows('entries')).toEqual([]);
      expect(await phone.rows('notes')).toMatchObject([{ entry_id: entry }]);
    }
  });

  test('a restart continues; without TABLES, or with others, it is refused and nothing changes', async () => {
    const [ada, bob] = await openTwo();
    await ada.create('habits', { name: 'Sleep' });
    await ada.sync();
    await server.kill('SIGTERM');

    await expect(startServer({ storage, env })).rejects.toMatchObject({
      exit: { code: 1 },
      output: expect.stringMatching(/games/) as string,
    });
    using other = new Folder({
      'tables.json': JSON.stringify({
        meals: { since: 1, columns: { name: { kind: 'text' } } },
      }),
    });
    const refused = startServer({ storage, env: { TABLES: other.join('tables.json') } });
    await expect(refused).rejects.toThrow(StartFailure);
    await expect(refused).rejects.toMatchObject({ output: expect.stringMatching(/meals/) as string });

    await startAgain();
    await bob.sync();
    expect(await bob.rows('habits')).toMatchObject([{ name: 'Sleep' }]);
  });

  // The last one, as it leaves the server stopped.
  test('the commands that open the database take the tables too', async () => {
    await server.kill('SIGTERM');
    const args = ['documents', 'restore', 'a/v/layout', '1-1'];
    const without = await runTidemark(args, { ...storage.env });
    expect(without).toMatchObject({ code: 1, stderr: expect.stringMatching(/games/) as string });
    const { code, stderr } = await runTidemark(
      [...args, '--tables', 'tables.ts'],
      { ...storage.env },
      folder.path,
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^There is no document/);
  });
});
