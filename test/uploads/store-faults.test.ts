import { writeFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Fault, Passing } from '../storage/faulty-store.js';
import { forEachDatabase, type DatabaseName } from '../support/app.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo, until } from '../support/exchange.js';
import { describeWithSmallDisk, SmallDisk } from '../support/small-disk.js';
import { type BucketStore, describeOnS3, expectWholeOffers, FolderStore, type TestStore } from './stores.js';
import { World } from './world.js';

const SECRET = 'not-the-secret';
const KILOBYTES_300 = 300_000;
/** Packed it is more than one part of an upload in parts. */
const TWO_PARTS = 9_000_000;

/** Something that goes wrong with a store. */
interface Trouble {
  begin(world: World): unknown;
  end(world: World): unknown;
  /** What the operator is told. */
  reason: RegExp;
  /** Of the document that cannot be uploaded. */
  sizeBytes?: number;
}

/** Whatever happens to the store: people go on, nothing broken is offered, and all is uploaded when it is well again. */
async function expectNothingLost(database: DatabaseName, store: TestStore, trouble: Trouble): Promise<void> {
  await using world = await World.make(database, store.env);
  const laptop = await world.newDevice();
  const expectNoSecrets = (said: unknown) => {
    const { S3_SECRET_ACCESS_KEY = SECRET, STORAGE_URL = '' } = store.env;
    const secrets = [S3_SECRET_ACCESS_KEY, SECRET, 'Signature=', laptop.accountId, addressIn(STORAGE_URL)];
    for (const secret of secrets) expect(JSON.stringify(said)).not.toContain(secret);
  };
  const failures = async () => (await documentState(laptop, 'v1')).upload_failures;
  await write(laptop, 'v1', ['old']);
  await world.pass(6);
  const holding = await hold(laptop, 'v1');

  await trouble.begin(world);
  moveTo(laptop, world.app.url);
  const red = await putContent(holding, '1-1', packedLayout(['red'], trouble.sizeBytes ?? KILOBYTES_300));
  expect(red.status).toBe(200);
  await world.pass(5);
  expect(await documentState(laptop, 'v1')).toMatchObject({
    epoch: 2,
    stored_version: { epoch: 1 },
    upload_failures: 1,
  });
  const health = await world.health();
  expect(health).toEqual({
    status: 'degraded',
    uploads: {
      pending: 1,
      oldest_pending_age_seconds: 300,
      failing: 1,
      last_failure: { at: world.clock.ms, reason: expect.stringMatching(trouble.reason) as string },
    },
  });
  expectNoSecrets(health);
  expect(await world.metric('tidemark_uploads_failures_total')).toBe(1);
  expect(world.temporaryFiles()).toEqual([]);
  await world.pass(0.4);
  expect(await failures()).toBe(1); // it is asked again after half a minute at the earliest
  const refused = await laptop.request('GET', `${pathOf('v1')}/download-url`);
  expectProblem(refused, 503, 'STORAGE_UNAVAILABLE');
  expectNoSecrets(refused.body);
  expect(await failures()).toBe(1); // whoever downloads does not put the schedule off
  expect(await expectWholeOffers(laptop, ['v1'], store)).toEqual({ v1: [1] });
  await write(laptop, 'v1', ['green']);
  await write(laptop, 'v2', ['blue']);

  await trouble.end(world);
  moveTo(laptop, world.app.url);
  await world.pass(5);
  expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
  expect(await documentState(laptop, 'v1')).toMatchObject({
    epoch: 3,
    stored_version: { epoch: 3 },
    upload_failures: 0,
  });
  expect(await expectWholeOffers(laptop, ['v1', 'v2'], store)).toEqual({ v1: [3, 1], v2: [1] });
  expect(await download(laptop, 'v1')).toEqual(['green']);
  expect(await download(laptop, 'v2')).toEqual(['blue']);
  await world.pass(61);
  expect((await store.objects()).size).toBe(3);
}

/** Where a store is: a folder, or a host and port. */
function addressIn(url: string): string {
  return /^file:(.+)$/.exec(url)?.[1] ?? /endpoint=http:\/\/([^&]+)/.exec(url)![1]!;
}

type Condition = (passing: Passing) => boolean;

const isPut: Condition = ({ method }) => method === 'PUT';
const isHead: Condition = ({ method }) => method === 'HEAD';
const isSecondPart: Condition = ({ query }) => query.get('partNumber') === '2';
const isCompletion: Condition = ({ method, query }) => method === 'POST' && query.has('uploadId');

/** A fault on the way to the store. */
function onTheWay(fault: Fault, condition: Condition, reason: RegExp, sizeBytes?: number) {
  return ({ way }: BucketStore): Trouble => ({
    begin: () => (way.fault = (passing) => (condition(passing) ? fault : undefined)),
    end: () => way.recover(),
    reason,
    sizeBytes,
  });
}

// Inside Jest the SDK does not know the errors of connections for errors, so that their codes are missing here.
const NO_ANSWER = /^The store does not answer as it should: /;

const troubles: Record<string, (store: BucketStore) => Trouble> = {
  'that is down': ({ way }) => ({ begin: () => way.goDown(), end: () => way.listen(), reason: NO_ANSWER }),
  'that answers 500': onTheWay('failing', () => true, /^The store refuses: InternalError \(500\)/),
  'that is full': onTheWay('full', isPut, /^The store refuses: XMinioStorageFull \(507\)/),
  'that takes objects and breaks its answers off': onTheWay('half', isPut, NO_ANSWER),
  'that gets another bit than was sent': onTheWay('flipped', isPut, /^The store refuses: \w+ \(400\)/),
  'that knows other keys': ({ env }) => {
    const restart = async (world: World, secret: string) => {
      await world.app.stop();
      await world.start({ S3_SECRET_ACCESS_KEY: secret });
      await world.tick(); // waits for the one that every start begins with
    };
    return {
      begin: (world) => restart(world, SECRET),
      end: (world) => restart(world, env.S3_SECRET_ACCESS_KEY!),
      reason: /^The store refuses: SignatureDoesNotMatch \(403\)/,
    };
  },
};

/** As above with other words, or in other places: tried on one database. */
const variants: Record<string, (store: BucketStore) => Trouble> = {
  'that gets half of each object': onTheWay('cut', isPut, NO_ANSWER),
  'that keeps half of each object': onTheWay('half', isHead, /was given \d+ bytes and holds \d+ bytes/),
  'that is full at the second part': onTheWay('full', isSecondPart, /XMinioStorageFull \(507\)/, TWO_PARTS),
  'that breaks off its answer when parts are put together': onTheWay(
    'half',
    isCompletion,
    NO_ANSWER,
    TWO_PARTS,
  ),
};

describeOnS3('an S3 store', (open) => {
  const tryOn = (database: DatabaseName, trouble: (store: BucketStore) => Trouble) => async () => {
    await using store = await open();
    await expectNothingLost(database, store, trouble(store));
    expect(await store.unfinished()).toBe(0);
  };

  forEachDatabase((database) => {
    for (const [name, trouble] of Object.entries(troubles)) {
      test(`${name} loses nothing and offers nothing broken`, tryOn(database, trouble));
    }

    test('that is slow keeps nobody waiting but those who download', async () => {
      await using store = await open();
      await using world = await World.make(database, store.env);
      const laptop = await world.newDevice();
      const phone = await laptop.pair();
      await write(laptop, 'v1', ['red']);
      let goOn!: () => void;
      store.way.patience = new Promise((resolve) => (goOn = resolve));
      store.way.fault = () => 'slow';
      let hasEnded = false;
      const passing = world.pass(5).finally(() => (hasEnded = true));
      await until(
        () => store.way.waiting,
        (waiting) => waiting === 1,
      );
      let isAnswered = false;
      const asked = laptop.request('GET', `${pathOf('v1')}/download-url`).finally(() => (isAnswered = true));
      await write(laptop, 'v1', ['green']);
      await write(laptop, 'v2', ['blue']);
      expect((await lock(phone, 'v2')).status).toBe(200);
      expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 2, failing: 0 } });
      expect(await expectWholeOffers(laptop, ['v1', 'v2'], store)).toEqual({ v1: [], v2: [] });
      expect([hasEnded, isAnswered]).toEqual([false, false]);
      goOn();
      await passing;
      expect((await asked).status).toBe(200);
      expect(await documentState(laptop, 'v1')).toMatchObject({ epoch: 2, upload_failures: 0 });
      expect(await download(laptop, 'v1')).toEqual(['green']);
      await world.pass(5);
      const { v1, v2 } = await expectWholeOffers(laptop, ['v1', 'v2'], store);
      expect([v1, v2]).toEqual([[2, 1], [1]]);
    });
  });

  for (const [name, trouble] of Object.entries(variants)) {
    test(`${name} loses nothing and offers nothing broken`, tryOn('sqlite', trouble));
  }

  test('that breaks off downloads is noticed by whoever downloads, and asked again', async () => {
    await using store = await open();
    await using world = await World.make('sqlite', store.env);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    await world.pass(5);
    store.way.fault = ({ method }) => (method === 'GET' ? 'half' : undefined);
    await expect(download(laptop, 'v1')).rejects.toThrow('terminated');
    store.way.recover();
    expect(await download(laptop, 'v1')).toEqual(['red']);
    expect(await world.health()).toMatchObject({ status: 'ok' });
  });
});

describeWithSmallDisk('a folder on a small disk', () => {
  forEachDatabase((database) => {
    test('that is full loses nothing and offers nothing broken', async () => {
      using disk = SmallDisk.mount(4);
      const filler = join(disk.path, 'filler');
      const store = new FolderStore(join(disk.path, 'objects'));
      await expectNothingLost(database, store, {
        begin: () => expect(() => writeFileSync(filler, Buffer.alloc(5_000_000))).toThrow('ENOSPC'),
        end: () => rmSync(filler),
        reason: /^The storage is full/,
      });
    });
  });
});
