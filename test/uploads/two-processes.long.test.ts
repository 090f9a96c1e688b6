import { loadConfig } from '../../src/foundation/config/config.js';
import { Database } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { WorkingCopies } from '../../src/documents/content/working-copies.js';
import { AppError } from '../../src/foundation/errors/app-error.js';
import type { DocumentRef } from '../../src/locks/lock.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { openStorage } from '../../src/storage/open.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { restoreVersion } from '../../src/commands/restore-version.js';
import { UploadsRepository } from '../../src/uploads/uploads.repository.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import { VersionsSweep } from '../../src/uploads/versions-sweep.js';
import { startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  putContent,
  release,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { around, atNext, holdNext, moment } from './hold-back.js';
import { storeIn, World } from './world.js';

const HOUR_MS = 3_600_000;

const layoutOf = ({ accountId }: TestDevice, videoId = 'v1'): DocumentRef => ({
  accountId,
  videoId,
  kind: 'layout',
});

/** Sweeps, as the server does every minute. */
const sweep = (app: TestApp) => app.nest.get(VersionsSweep).run(new AbortController().signal);

const uploadBy = (app: TestApp, ref: DocumentRef, isForced = false) =>
  app.nest.get(UploadsService).upload(ref, { isForced });

/** Starts another server on the same database and store, with a clock that is ahead by so much. */
function startAnother(world: World, ahead: { ms: number }): Promise<TestApp> {
  const now = () => world.clock.now() + ahead.ms;
  return startApp('postgres', { storage: world.data, now, env: storeIn(world.folder) });
}

/** Pairs a second device of the same account that uses another server. */
async function pairAt(device: TestDevice, { url }: TestApp): Promise<TestDevice> {
  const other = await device.pair();
  moveTo(other, url);
  return other;
}

/** Suspends a server's work on its database, as SIGSTOP would. @returns a function that resumes it */
function putToSleep(app: TestApp): () => void {
  const awake = moment();
  around(app.nest.get(Database), 'transaction', (real) => async (work) => {
    await awake.hasCome;
    return real(work);
  });
  return awake.come;
}

describe.each(['has slept for two hours', 'has a clock that is two hours behind'])(
  'a server that %s',
  (how) => {
    const isAsleep = how.startsWith('has slept');

    /** Begins an upload whose object is in the store, and which another server considers left over. */
    async function beginUpload(world: World, laptop: TestDevice) {
      const stored = holdNext(world.app.nest.get(ObjectStorage), 'write', 'after');
      const upload = uploadBy(world.app, layoutOf(laptop));
      await stored.reached;
      const wakeUp = isAsleep ? putToSleep(world.app) : () => {};
      if (isAsleep) world.clock.ms += 2 * HOUR_MS;
      return () => {
        wakeUp();
        stored.goOn();
        return upload;
      };
    }

    test('ends an upload that another one has listed as left over: it keeps its object', async () => {
      await using world = await World.make('postgres');
      const ahead = { ms: 0 };
      await using other = await startAnother(world, ahead);
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['acknowledged']);
      if (!isAsleep) ahead.ms = 2 * HOUR_MS;
      const endUpload = await beginUpload(world, laptop);
      const listed = holdNext(other.nest.get(UploadsRepository), 'listLeftovers', 'after');
      const sweeping = sweep(other);
      await listed.reached;
      expect(await endUpload()).toBe('uploaded');
      listed.goOn();
      expect(await sweeping).toBe(0);
      expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
    });

    test('cannot end an upload whose object another one is removing: the content stays pending', async () => {
      await using world = await World.make('postgres');
      const ahead = { ms: 0 };
      await using other = await startAnother(world, ahead);
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['acknowledged']);
      if (!isAsleep) ahead.ms = 2 * HOUR_MS;
      const endUpload = await beginUpload(world, laptop);
      const removal = holdNext(other.nest.get(ObjectStorage), 'remove', 'before');
      const sweeping = sweep(other);
      await removal.reached;
      expect(await endUpload()).toBe('superseded');
      removal.goOn();
      await sweeping;
      expect(world.objects()).toEqual([]);
      expect((await documentState(laptop, 'v1')).stored_version).toBeNull();
      expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
    });
  },
);

test('an object that is written only after its upload was swept does not stay in the store', async () => {
  await using world = await World.make('postgres');
  const ahead = { ms: 0 };
  await using other = await startAnother(world, ahead);
  const laptop = await world.newDevice();
  await write(laptop, 'v1', ['acknowledged']);
  ahead.ms = 2 * HOUR_MS;
  const writing = holdNext(world.app.nest.get(ObjectStorage), 'write', 'before');
  const upload = uploadBy(world.app, layoutOf(laptop));
  await writing.reached;
  expect(await sweep(other)).toBe(1);
  writing.goOn();
  expect(await upload).toBe('superseded');
  expect(world.objects()).toEqual([]);
  expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
});

test('documents restore that was held up until its object was swept changes nothing', async () => {
  await using world = await World.make('postgres');
  world.clock.ms = Date.now(); // the command uses the real clock
  const laptop = await world.newDevice();
  for (const color of ['one', 'two']) {
    await write(laptop, 'v1', [color]);
    await world.pass(6);
  }
  const config = loadConfig({ argv: [], env: { ...world.data.env, ...storeIn(world.folder) } });
  const database = await openDatabase(config, schema, serverTables);
  try {
    const storage = await openStorage(config, Date.now);
    const copied = holdNext(storage, 'write', 'after');
    const request = { ref: layoutOf(laptop), epoch: 1, version: 1, isDryRun: false };
    const restoring = restoreVersion({ database, storage }, request);
    await copied.reached;
    world.clock.ms += 2 * HOUR_MS;
    expect(await sweep(world.app)).toBe(1);
    copied.goOn();
    await expect(restoring).rejects.toThrow('changed meanwhile');
  } finally {
    await database.close();
  }
  expect(await download(laptop, 'v1')).toEqual(['two']);
  expect(world.objects()).toHaveLength(2);
});

test('who writes is told of that version, though another server has a later one by now', async () => {
  await using world = await World.make('postgres');
  const laptop = await world.newDevice();
  const phone = await pairAt(laptop, await world.startElsewhere());
  await write(laptop, 'v1', ['base']);
  const mine = await hold(laptop, 'v1');
  const committed = holdNext(world.app.nest.get(WorkingCopies), 'removeBefore', 'before');
  const writing = putContent(mine, '1-1', packedLayout(['mine']));
  await committed.reached;
  const theirs = await hold(phone, 'v1', { take_over: true });
  const later = await putContent(theirs, '2-1', packedLayout(['theirs']));
  expect(later.body).toMatchObject({ epoch: 3, server_version: 1 });
  await release(theirs);
  committed.goOn();

  const written = await writing;
  expect(written.status).toBe(200);
  expect(written.body).toMatchObject({ epoch: 2, server_version: 1 });
  const known = { epoch: 2, server_version: 1 };
  const again = await lock(laptop, 'v1', known);
  expect(again.body).toMatchObject({ epoch: 3, needs_download: true });
  const fencingToken = (again.body as { fencing_token: number }).fencing_token;
  const blind = await putContent({ ...mine, fencingToken }, '2-1', packedLayout(['mine', 'and more']));
  expectProblem(blind, 412, 'VERSION_MISMATCH');
  expect(await download(laptop, 'v1')).toEqual(['theirs']);
});

test('a download waits for an upload that runs elsewhere, not for one that failed or is silent', async () => {
  await using world = await World.make('postgres');
  const other = await world.startElsewhere();
  const laptop = await world.newDevice();
  const phone = await pairAt(laptop, other);
  const storage = world.app.nest.get(ObjectStorage);
  const isWaiting = moment();
  around(other.nest.get(UploadsService), 'upload', (real) => async (...args) => {
    const outcome = await real(...args);
    if (outcome === 'superseded') isWaiting.come();
    return outcome;
  });

  await write(laptop, 'v1', ['one']);
  const writing = holdNext(storage, 'write', 'before');
  const first = download(laptop, 'v1');
  await writing.reached;
  const second = download(phone, 'v1');
  await Promise.race([isWaiting.hasCome, second]);
  writing.goOn();
  expect(await Promise.all([first, second])).toEqual([['one'], ['one']]);
  expect(await world.query('SELECT epoch FROM document_versions')).toHaveLength(1);

  await write(laptop, 'v1', ['two']);
  atNext(storage, 'write', () => async (_, body) => {
    body.destroy();
    throw new AppError('STORAGE_UNAVAILABLE');
  });
  await expect(uploadBy(world.app, layoutOf(laptop), true)).rejects.toMatchObject({
    code: 'STORAGE_UNAVAILABLE',
  });
  expect(await download(phone, 'v1')).toEqual(['two']);

  await write(laptop, 'v1', ['three']);
  const silent = holdNext(storage, 'write', 'before');
  const upload = uploadBy(world.app, layoutOf(laptop), true);
  await silent.reached;
  world.clock.ms += 25_000;
  expect(await download(phone, 'v1')).toEqual(['three']);
  silent.goOn();
  expect(await upload).toBe('superseded');
  expect(world.objects()).toHaveLength(3);
});
