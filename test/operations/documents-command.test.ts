import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startApp, type DatabaseName } from '../support/app.js';
import { documentState, download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { runTidemark } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';

describe.each<DatabaseName>(['sqlite', 'postgres'])('on %s', (database) => {
  let storage: Storage;
  beforeEach(async () => {
    storage = await createStorage(database);
  });
  afterEach(() => storage.dispose());

  const run = (...args: string[]) => runTidemark(['documents', ...args], { ...storage.env });

  test('documents and their uploaded versions are listed while the server runs', async () => {
    await using server = await startApp(database, { storage });
    expect((await run()).stdout).toBe('There are no documents.\n');
    const laptop = await server.newDevice();
    await write(laptop, 'intro', ['red']);
    expect((await run()).stdout).toMatch(
      new RegExp(`^${laptop.accountId}/intro/layout +at 1-1, changed [-0-9]+ [:0-9]+, not uploaded since`),
    );
    await download(laptop, 'intro');
    const { stdout, code } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/at 1-1, .*, uploaded\n +1-1 +\d{4}-\d\d-\d\d [:0-9]+ +\d+ bytes\n$/);
  });

  test('an uploaded version comes back in a new epoch; a dry run changes nothing', async () => {
    await using server = await startApp(database, { storage });
    const laptop = await server.newDevice();
    for (const color of ['red', 'green']) {
      await write(laptop, 'intro', [color]);
      await download(laptop, 'intro');
    }
    await write(laptop, 'intro', ['blue']);
    await server.stop();
    const document = `${laptop.accountId}/intro/layout`;

    const dry = await run('restore', document, '1-1', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/would become 5-1; nothing was changed/);
    expect((await run()).stdout).toMatch(/at 3-1/);

    const done = await run('restore', document, '1-1');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/is the content again, as 5-1/);

    await using again = await startApp(database, { storage });
    moveTo(laptop, again.url);
    expect(await documentState(laptop, 'intro')).toMatchObject({
      epoch: 5,
      server_version: 1,
      stored_version: { epoch: 5, server_version: 1 },
    });
    expect(await download(laptop, 'intro')).toEqual(['red']);
    await write(laptop, 'intro', ['yellow']);
    expect(await download(laptop, 'intro')).toEqual(['yellow']);
  });

  test('what cannot be restored says why and changes nothing', async () => {
    await using server = await startApp(database, { storage });
    const laptop = await server.newDevice();
    await write(laptop, 'intro', ['red']);
    await download(laptop, 'intro');
    if (database === 'sqlite') {
      const busy = await run('restore', `${laptop.accountId}/intro/layout`, '1-1');
      expect(busy.stderr).toMatch(/in use by another Tidemark; stop that one first/);
    }
    await server.stop();
    const document = `${laptop.accountId}/intro/layout`;
    for (const [args, fault] of [
      [[], /Which document/],
      [[document], /Which document/],
      [[document, 'latest'], /Which document/],
      [[document, '7-1'], /no uploaded version 7-1; there are: 1-1/],
      [[`${laptop.accountId}/outro/layout`, '1-1'], /There is no document outro\/layout/],
      [[document, '1-1', '--no-such'], /--no-such is not an option/],
    ] as const) {
      const { code, stderr } = await run('restore', ...args);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(fault) });
    }
    const folder = join(storage.env.DATA_DIR!, 'storage');
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (statSync(join(folder, name)).isFile()) writeFileSync(join(folder, name), 'something else');
    }
    const damaged = await run('restore', document, '1-1');
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.stderr).toMatch(/Not restored|is not what was uploaded/);
    expect((await run()).stdout).toMatch(/at 1-1/);
  });
});
