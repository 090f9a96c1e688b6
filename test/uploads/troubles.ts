import type { Fault, Passing } from '../storage/faulty-store.js';
import type { DatabaseName } from '../support/app.js';
import {
  documentState,
  download,
  hold,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { type BucketStore, expectWholeOffers, type TestStore } from './stores.js';
import { World } from './world.js';

/** A secret that the store does not know. */
export const WRONG_SECRET = 'not-the-secret';
const KILOBYTES_300 = 300_000;
/** The gzipped document is larger than one part of a multipart upload. */
export const TWO_PARTS = 9_000_000;

/** A fault of a store. */
export interface Trouble {
  begin(world: World): unknown;
  end(world: World): unknown;
  /** The reason that the operator sees. */
  reason: RegExp;
  /** The size of the document that cannot be uploaded. */
  sizeBytes?: number;
}

/** Checks that during a fault clients can write, no broken version is listed, and afterwards everything is uploaded. */
export async function expectNothingLost(
  database: DatabaseName,
  store: TestStore,
  trouble: Trouble,
): Promise<void> {
  await using world = await World.make(database, store.env);
  const laptop = await world.newDevice();
  const expectNoSecrets = (said: unknown) => {
    const { S3_SECRET_ACCESS_KEY = WRONG_SECRET, STORAGE_URL = '' } = store.env;
    const secrets = [
      S3_SECRET_ACCESS_KEY,
      WRONG_SECRET,
      'Signature=',
      laptop.accountId,
      addressIn(STORAGE_URL),
    ];
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
  expect(health.status).toBe('degraded');
  expect(health.uploads).toEqual({
    pending: 1,
    oldest_pending_age_seconds: 300,
    failing: 1,
    last_failure: { at: world.clock.ms, reason: expect.stringMatching(trouble.reason) as string },
  });
  expectNoSecrets(health);
  expect(await world.metric('tidemark_uploads_failures_total')).toBe(1);
  expect(world.temporaryFiles()).toEqual([]);
  await world.pass(0.4);
  expect(await failures()).toBe(1); // the upload is tried again after half a minute at the earliest
  const refused = await laptop.request('GET', `${pathOf('v1')}/download-url`);
  expectProblem(refused, 503, 'STORAGE_UNAVAILABLE');
  expectNoSecrets(refused.body);
  expect(await failures()).toBe(1); // a failed download does not put the schedule off
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

/** A store's address: a folder, or a host and port. */
function addressIn(url: string): string {
  return /^file:(.+)$/.exec(url)?.[1] ?? /endpoint=http:\/\/([^&]+)/.exec(url)![1]!;
}

export type Condition = (passing: Passing) => boolean;

/** A fault of requests to the store. */
export function onTheWay(fault: Fault, condition: Condition, reason: RegExp, sizeBytes?: number) {
  return ({ way }: BucketStore): Trouble => ({
    begin: () => (way.fault = (passing) => (condition(passing) ? fault : undefined)),
    end: () => way.recover(),
    reason,
    sizeBytes,
  });
}

// How a broken connection is named after the colon is not checked.
export const NO_ANSWER = /^The store does not answer as it should: /;

/** A store that accepts no connections. */
export const isDown = ({ way }: BucketStore): Trouble => ({
  begin: () => way.goDown(),
  end: () => way.listen(),
  reason: NO_ANSWER,
});

/** Tests a trouble of an S3 store. */
export const tryOn =
  (database: DatabaseName, open: () => Promise<BucketStore>, trouble: (store: BucketStore) => Trouble) =>
  async (): Promise<void> => {
    await using store = await open();
    await expectNothingLost(database, store, trouble(store));
    expect(await store.unfinished()).toBe(0);
  };
