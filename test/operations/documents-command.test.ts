import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { LiveWriter } from '../documents/live-writer.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { documentState, download, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { runTidemark, type CommandResult } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';

forEachDatabase((database) => {
  let storage: Storage;
  let server: TestApp;
  let laptop: TestDevice;
  let said: Record<'empty' | 'changed' | 'uploaded', CommandResult>;

  const run = (...args: string[]) => runTidemark(['documents', ...args], { ...storage.env });
  const document = () => `${laptop.accountId}/intro/layout`;

  // Makes a document with one uploaded version, and keeps the command's outputs on the way.
  beforeAll(async () => {
    storage = await createStorage(database);
    server = await startApp(database, { storage });
    laptop = await server.newDevice();
    const empty = await run();
    await write(laptop, 'intro', ['red']);
    const changed = await run();
    await download(laptop, 'intro');
    said = { empty, changed, uploaded: await run() };
  });
  afterAll(async () => {
    await server?.close();
    await storage.dispose();
  });

  test('documents and their uploaded versions are listed while the server runs', () => {
    expect(said.empty.stdout).toBe('There are no documents.\n');
    expect(said.changed.stdout).toMatch(
      new RegExp(`^${document()} +at 1-1, changed [-0-9]+ [:0-9]+, not uploaded since`),
    );
    const { stdout, code } = said.uploaded;
    expect(code).toBe(0);
    expect(stdout).toMatch(/at 1-1, .*, uploaded\n +1-1 +\d{4}-\d\d-\d\d [:0-9]+ +\d+ bytes\n$/);
  });

  test('versions that are no longer kept are not listed', async () => {
    for (let version = 1; version <= 12; version++) {
      await write(laptop, 'often', [`version ${version}`]);
      await download(laptop, 'often');
    }
    const { stdout } = await run();
    const [, listed = ''] = stdout.split(`${laptop.accountId}/often/layout`);
    const [versions = ''] = listed.split(laptop.accountId);
    expect(versions.match(/^ +\d+-1 +\d{4}-/gm)?.map((line) => line.trim().split('-')[0])).toEqual(
      Array.from({ length: 10 }, (_, index) => String(12 - index)),
    );
  });

  if (database === 'sqlite') {
    test('a version is not restored while the server runs', async () => {
      const busy = await run('restore', document(), '1-1');
      expect(busy.stderr).toMatch(/in use by another Tidemark; stop that one first/);
    });

    test('what is not asked for as it should be says why', async () => {
      const asked: [args: string[], fault: RegExp][] = [
        [[], /Which document/],
        [[document()], /Which document/],
        [[document(), 'latest'], /Which document/],
        [[document(), '1-1', '--no-such'], /--no-such is not an option/],
      ];
      const results = await Promise.all(asked.map(([args]) => run('restore', ...args)));
      for (const [index, { code, stderr }] of results.entries()) {
        expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(asked[index]![1]) });
      }
    });
  }

  test('what cannot be restored says why and changes nothing', async () => {
    await server.stop();
    for (const [name, version, fault] of [
      [document(), '7-1', /no uploaded version 7-1; there are: 1-1/],
      [`${laptop.accountId}/outro/layout`, '1-1', /There is no document outro\/layout/],
    ] as const) {
      const { code, stderr } = await run('restore', name, version);
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(fault) });
    }
    const folder = join(storage.env.DATA_DIR!, 'storage');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());
    const whole = files.map((path) => readFileSync(path));
    for (const path of files) writeFileSync(path, 'something else');
    const damaged = await run('restore', document(), '1-1');
    files.forEach((path, index) => writeFileSync(path, whole[index]!));
    expect(damaged).toMatchObject({ code: 1 });
    expect(damaged.stderr).toMatch(/Not restored|is not what was uploaded/);
    expect((await run()).stdout).toMatch(/at 1-1/);
  });

  test('an uploaded version comes back in a new epoch; a dry run changes nothing', async () => {
    await server.stop();
    server = await startApp(database, { storage });
    moveTo(laptop, server.url);
    await write(laptop, 'intro', ['green']);
    await download(laptop, 'intro');
    await write(laptop, 'intro', ['blue']);
    await server.stop();

    const dry = await run('restore', document(), '1-1', '--dry-run');
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toMatch(/would become 5-1; nothing was changed/);
    expect((await run()).stdout).toMatch(/at 3-1/);

    const done = await run('restore', document(), '1-1');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/is the content again, as 5-1/);

    server = await startApp(database, { storage });
    moveTo(laptop, server.url);
    expect(await documentState(laptop, 'intro')).toMatchObject({
      epoch: 5,
      server_version: 1,
      stored_version: { epoch: 5, server_version: 1 },
    });
    expect(await download(laptop, 'intro')).toEqual(['red']);
    await write(laptop, 'intro', ['yellow']);
    expect(await download(laptop, 'intro')).toEqual(['yellow']);
  });

  test('an uploaded version with live changes keeps its number, which is in its file', async () => {
    await server.stop();
    server = await startApp(database, { storage });
    moveTo(laptop, server.url);
    await write(laptop, 'lively', ['red']);
    const ref = { accountId: laptop.accountId, videoId: 'lively', kind: 'layout' };
    {
      using live = await LiveWriter.open(server, ref);
      await live.paint('green');
      await live.paint('blue');
      await download(laptop, 'lively');
    }
    await write(laptop, 'lively', ['yellow']);
    await server.stop();
    const done = await run('restore', `${laptop.accountId}/lively/layout`, '1-3');
    expect(done).toMatchObject({ code: 0, stderr: '' });
    expect(done.stdout).toMatch(/is the content again, as 4-3/);

    server = await startApp(database, { storage });
    moveTo(laptop, server.url);
    const state = await documentState(laptop, 'lively');
    expect(state).toMatchObject({
      epoch: 4,
      server_version: 3,
      stored_version: { epoch: 4, server_version: 3 },
    });
    const documents = server.nest.get(DocumentsRepository);
    expect(await documents.find(ref)).toMatchObject({ hasClocks: 1, contentMark: state.mark });
    expect(await documents.findMark(ref, { epoch: 4, version: 3 })).toBe(state.mark);
    expect(await download(laptop, 'lively')).toEqual(['blue']);
    using live = await LiveWriter.open(server, ref);
    expect(live.copied).toBe(3);
    expect(await live.paint('white')).toBe(true);
    expect(await download(laptop, 'lively')).toEqual(['white']);
  });
});
