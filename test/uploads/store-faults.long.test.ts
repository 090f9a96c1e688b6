import { forEachDatabase } from '../support/app.js';
import { documentState, download, lock, pathOf, write } from '../support/documents.js';
import { until } from '../support/exchange.js';
import { type BucketStore, describeOnS3, expectWholeOffers } from './stores.js';
import {
  type Condition,
  NO_ANSWER,
  onTheWay,
  type Trouble,
  tryOn,
  TWO_PARTS,
  WRONG_SECRET,
} from './troubles.js';
import { World } from './world.js';

const isPut: Condition = ({ method }) => method === 'PUT';
const isHead: Condition = ({ method }) => method === 'HEAD';
const isSecondPart: Condition = ({ query }) => query.get('partNumber') === '2';
const isCompletion: Condition = ({ method, query }) => method === 'POST' && query.has('uploadId');

const troubles: Record<string, (store: BucketStore) => Trouble> = {
  'that answers 500': onTheWay('failing', () => true, /^The store refuses: InternalError \(500\)/),
  'that is full': onTheWay('full', isPut, /^The store refuses: XMinioStorageFull \(507\)/),
  'that takes objects and breaks its answers off': onTheWay('half', isPut, NO_ANSWER),
  'that gets another bit than was sent': onTheWay('flipped', isPut, /^The store refuses: \w+ \(400\)/),
  'that knows other keys': ({ env }) => {
    const restart = async (world: World, secret: string) => {
      await world.app.stop();
      await world.start({ S3_SECRET_ACCESS_KEY: secret });
      await world.tick(); // waits for the tick of the start
    };
    return {
      begin: (world) => restart(world, WRONG_SECRET),
      end: (world) => restart(world, env.S3_SECRET_ACCESS_KEY!),
      reason: /^The store refuses: SignatureDoesNotMatch \(403\)/,
    };
  },
};

/** Variants of the troubles above, with other answers or at other requests: tested on one database. */
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
  forEachDatabase((database) => {
    for (const [name, trouble] of Object.entries(troubles)) {
      test(`${name} loses nothing and offers nothing broken`, tryOn(database, open, trouble));
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
    test(`${name} loses nothing and offers nothing broken`, tryOn('sqlite', open, trouble));
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
