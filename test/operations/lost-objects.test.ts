import { renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { ObjectStorage } from '../../src/storage/storage.js';
import { UploadSchedule } from '../../src/uploads/upload-schedule.js';
import { startApp, type DatabaseName, type TestApp } from '../support/app.js';
import { documentState, download, packedLayout, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { postgresFolders } from '../support/postgres-tools.js';
import { startPostgres, type Postgres } from '../support/postgres.js';
import { makeScratchDir } from '../support/scratch.js';
import { runTidemark } from '../support/server-process.js';
import { TestClock } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';
import { makeDatabaseOfBefore, sha256Of } from '../uploads/database-of-before.js';
import { holdNext } from '../uploads/hold-back.js';
import { objectsIn, storeIn } from '../uploads/world.js';

const MINUTE_MS = 60_000;
const [toolsFolder] = postgresFolders();
const databases: DatabaseName[] = toolsFolder === undefined ? ['sqlite'] : ['sqlite', 'postgres'];

describe.each(databases)('on %s', (database) => {
  let postgres: Postgres | undefined;
  let storage: Storage;
  let folder: string;
  const clock = new TestClock();

  beforeAll(async () => {
    if (database === 'postgres') postgres = await startPostgres({ binDir: toolsFolder });
  });
  afterAll(() => postgres?.stop());
  beforeEach(async () => {
    storage = await createStorage(database, { postgres });
    folder = makeScratchDir('store');
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await storage.dispose();
  });

  const objects = () => join(folder, 'objects');

  const start = (): Promise<TestApp> =>
    startApp(database, { storage, now: clock.now, env: storeIn(objects()) });

  /** Lets time pass, and the server upload and sweep what is due. */
  const pass = (app: TestApp, minutes: number): Promise<void> => {
    clock.ms += minutes * MINUTE_MS;
    return app.nest.get(UploadSchedule).tick();
  };

  /** Runs a command that takes a backup's file. @returns what it says */
  const run = async (command: 'backup' | 'restore', name = 'tidemark.backup'): Promise<string> => {
    const PATH = [toolsFolder, process.env.PATH].join(delimiter);
    const env = { ...storage.env, ...storeIn(objects()), PATH };
    const result = await runTidemark([command, join(folder, name)], env);
    expect({ code: result.code, stderr: result.stderr }).toEqual({ code: 0, stderr: '' });
    return result.stdout;
  };

  test('restore onto a store that lost objects goes on from older ones, and names the lost', async () => {
    const first = await start();
    const laptop = await first.newDevice();
    const small = await write(laptop, 'lost', ['one']);
    await pass(first, 6);
    const large = await write(laptop, 'lost', Array<string>(500).fill('two'));
    expect(large.size_bytes).toBeGreaterThan(small.size_bytes!);
    await pass(first, 6);
    await write(laptop, 'kept', ['kept']);
    await write(laptop, 'swept', ['1']);
    await pass(first, 6);
    await write(laptop, 'pending', ['pending']);
    await run('backup');
    for (const time of [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      await write(laptop, 'swept', [String(time)]);
      await pass(first, 6);
    }
    await pass(first, 60);
    const [newest = ''] = objectsIn(objects()).filter((key) => key.includes('/lost/layout/2-'));
    rmSync(join(objects(), newest));
    await first.stop();

    const said = await run('restore');
    const nameOf = (video: string) => `${laptop.accountId}/${video}/layout`;
    expect(said).toContain(`so these go on from an older one: ${nameOf('lost')}.`);
    expect(said).toContain(`Nothing is left in the store of: ${nameOf('swept')}.`);
    await using again = await start();
    moveTo(laptop, again.url);
    expect(await download(laptop, 'lost')).toEqual(['one']);
    expect((await documentState(laptop, 'lost')).size_bytes).toBe(small.size_bytes);
    expect(await download(laptop, 'kept')).toEqual(['kept']);
    expect(await download(laptop, 'pending')).toEqual(['pending']);
    await write(laptop, 'swept', ['written anew']);
    expect(await download(laptop, 'swept')).toEqual(['written anew']);
  });

  test('restore onto another store, or none, says so and changes no document', async () => {
    const first = await start();
    const laptop = await first.newDevice();
    await write(laptop, 'v1', ['red']);
    await pass(first, 6);
    await run('backup');
    await first.stop();
    renameSync(objects(), join(folder, 'elsewhere'));
    expect(await run('restore')).toContain('is STORAGE_URL what it was?');
    rmSync(objects(), { recursive: true, force: true });
    renameSync(join(folder, 'elsewhere'), objects());
    await using again = await start();
    moveTo(laptop, again.url);
    const { epoch, stored_version } = await documentState(laptop, 'v1');
    expect(stored_version).toEqual({ epoch, server_version: 1 });
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });

  test('a backup made during an upload, restored by mistake, takes no object from a later backup', async () => {
    const first = await start();
    const laptop = await first.newDevice();
    await write(laptop, 'v1', ['red']);
    const stored = holdNext(first.nest.get(ObjectStorage), 'write', 'after');
    const uploading = pass(first, 6);
    await stored.reached;
    await run('backup', 'during');
    stored.goOn();
    await uploading;
    await run('backup', 'after');
    await first.stop();
    const [uploaded] = objectsIn(objects());

    await run('restore', 'during');
    const mistaken = await start();
    await pass(mistaken, 61);
    await mistaken.stop();
    expect(objectsIn(objects())).toContain(uploaded);
    await run('restore', 'after');
    await using again = await start();
    moveTo(laptop, again.url);
    expect(await download(laptop, 'v1')).toEqual(['red']);
  });

  test('a backup made during an upload, by a server whose versions had no state, takes no object either', async () => {
    const content = packedLayout(['red']);
    const startedAt = clock.ms;
    await makeDatabaseOfBefore(
      storage,
      objects(),
      [
        { epoch: 1, content, sha256: sha256Of(content), startedAt, isListed: true },
        { epoch: 2, content, sha256: '', startedAt }, // given up
        { epoch: 3, content, sha256: null, startedAt }, // under way
      ],
      clock.ms,
    );
    await run('backup');
    expect(await run('restore')).toContain('Restored 1 accounts');
    await using app = await start();
    await pass(app, 61);
    expect(
      objectsIn(objects())
        .map((key) => key.split('/').at(-1)![0])
        .sort(),
    ).toEqual(['1', '3']);
  });
});
