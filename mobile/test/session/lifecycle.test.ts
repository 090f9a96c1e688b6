import { fetchTransport, Tidemark, type Credentials, type Transport } from '@tidemark/client';
import { synchronize } from '../../src/session/synchronize';
import { newDatabase } from '../support/new-database';
import { eventually, Phone } from '../support/phone';
import { sharedServer } from '../support/server';

const server = sharedServer();
const YEAR_MS = 365 * 24 * 3_600_000;

describe('a listener that throws', () => {
  const complain = (): never => {
    throw new Error('The listener is broken.');
  };
  beforeEach(() => void jest.spyOn(console, 'error').mockImplementation(() => undefined));
  afterEach(() => jest.restoreAllMocks());

  test('of the status disturbs neither syncing nor the other listeners, and is reported', async () => {
    await using phone = await Phone.open(server.url);
    phone.tidemark.status.subscribe(complain);
    const seen: string[] = [];
    phone.tidemark.status.subscribe(({ state }) => seen.push(state));

    await phone.tidemark.sync();
    await phone.create('games', { name: 'Friday' });
    await phone.tidemark.whileStopped(async () => undefined);

    await phone.reaches('synced');
    expect(await phone.tidemark.countUnsynced()).toBe(0);
    expect(seen).toContain('synced');
    expect(console.error).toHaveBeenCalledWith(
      expect.objectContaining({ message: 'The listener is broken.' }),
    );
  });

  test('of the documents leaves the connection alone', async () => {
    await using phone = await Phone.open(server.url);
    phone.tidemark.documentFeed.watch(complain);

    await phone.reaches('synced');
  });
});

test('closing waits for new tokens that are kept in the database, and asks for none afterwards', async () => {
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => (answer = resolve));
  let isRenewing = false;
  let aheadMs = 0;
  const transport: Transport = async (request) => {
    const got = await fetchTransport(request);
    if (request.url.endsWith('/auth/token')) {
      isRenewing = true;
      await held;
    }
    return got;
  };
  const database = await newDatabase();
  const tidemark = await Tidemark.open({
    database,
    synchronize,
    transport,
    serverUrl: server.url,
    device: { name: 'phone', platform: 'node' },
    now: () => Date.now() + aheadMs,
  });
  await tidemark.sync();
  const stored = () => database.localStorage.get<Credentials>('tidemark_credentials');
  aheadMs = YEAR_MS;
  const listing = tidemark.listDevices().catch(() => undefined);
  await eventually(() => isRenewing);

  const order: string[] = [];
  const closing = tidemark.close().then(async () => {
    order.push('closed');
    return stored();
  });
  await database.localStorage.get('a round trip to the database');
  await new Promise((resolve) => setImmediate(resolve));
  order.push('answered');
  answer();
  const atClose = await closing;
  await listing;

  expect(order).toEqual(['answered', 'closed']);
  expect(await stored()).toEqual(atClose);
  aheadMs = 2 * YEAR_MS;
  await expect(tidemark.listDevices()).rejects.toMatchObject({ code: 'CANCELED' });
});

test('stopped after a sync that waits for other work, nothing syncs', async () => {
  await using phone = await Phone.open(server.url);
  await phone.reaches('synced');
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));
  const working = phone.tidemark.whileStopped(() => held);

  const syncing = phone.tidemark.sync();
  await phone.tidemark.stop();
  finish();
  await working;

  await expect(syncing).rejects.toMatchObject({ code: 'CANCELED' });
  expect(phone.status.state).toBe('disconnected');
});

test('many syncs at once, with a stop and a start in between, all end', async () => {
  await using phone = await Phone.open(server.url);
  const { tidemark } = phone;
  await phone.create('games', { name: 'Friday' });
  const syncs = Array.from({ length: 20 }, () => tidemark.sync());
  const stopping = tidemark.stop();
  syncs.push(...Array.from({ length: 20 }, () => tidemark.sync()));
  const ended = await Promise.allSettled(syncs);
  await stopping;

  expect(ended.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThan(0);
  expect(await tidemark.countUnsynced()).toBe(0);
  await phone.reaches('synced');
});

test('an address may end in a slash', async () => {
  await using phone = await Phone.open(`${server.url}/`);
  await phone.reaches('synced');
  await phone.tidemark.setServerUrl(`${server.url}//`);
  await phone.reaches('synced');
  expect(phone.tidemark.serverUrl).toBe(server.url);
});

test('until the changes from before the start are counted, the light is not green', async () => {
  const database = await newDatabase();
  const first = await Phone.open(server.url, { database });
  await first.reaches('synced');
  await first.tidemark.close();
  await first.create('games', { name: 'Friday' });
  const { adapter } = database;
  const count = adapter.getDeletedRecords.bind(adapter);
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  adapter.getDeletedRecords = async (table) => (await held, count(table));
  // No push is answered, so the change waits until the end.
  const transport: Transport = (request) =>
    request.url.includes('/sync/push') ? Promise.reject(new Error('No answer.')) : fetchTransport(request);

  const again = await Tidemark.open({
    database,
    synchronize,
    transport,
    credentials: first.credentials,
    serverUrl: server.url,
    device: { name: 'phone', platform: 'node' },
  });
  const states: string[] = [];
  again.status.subscribe(({ state, pending }) => states.push(`${state} ${pending}`));
  again.start();
  const patience = Date.now() + 1_000;
  await eventually(() => states.includes('synced 0') || Date.now() > patience);
  release();
  await eventually(() => again.status.get().pending === 1);
  await again.close();

  expect(states).not.toContain('synced 0');
});

test('without an address a sync fails, and no next try is announced', async () => {
  await using phone = await Phone.open('');

  await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'NO_ANSWER' });

  expect(phone.status.nextTryAt).toBeNull();
});

test('a row without a parent is no orphan', async () => {
  await using phone = await Phone.open(server.url);
  const round = await phone.create('rounds', { game_id: '', round_number: 1, created_at: 1 });
  await eventually(
    async () => (await phone.tidemark.countUnsynced()) === 0 || phone.status.refused.length > 0,
  );
  expect(phone.status.refused).toEqual([]);
  await phone.tidemark.stop();
  await phone.update('rounds', round, { round_number: 2 });

  await phone.tidemark.resolve('take-server');
  await phone.tidemark.sync();

  expect(await phone.find('rounds', round)).toMatchObject({ round_number: 2 });
});

test('a description that fails does not swallow the notice', async () => {
  const reported = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  const game = await kitchen.create('games', { name: 'Friday' });
  await kitchen.reaches('synced');
  const { code } = await kitchen.tidemark.pair();
  const basement = await Tidemark.open({
    database: await newDatabase(),
    synchronize,
    serverUrl: server.url,
    device: { name: 'Basement phone', platform: 'node' },
    describe: () => {
      throw new Error('It has no name.');
    },
  });
  await basement.join(code, { localData: 'start-fresh' });
  await basement.sync();
  await basement.stop();
  await kitchen.update('games', game, { target_score: 200 });
  await kitchen.reaches('synced');
  await basement.database.write(async () =>
    (await basement.database.get('games').find(game)).update(
      (row) => void Object.assign(row, { name: 'Saturday' }),
    ),
  );

  await basement.sync();

  await eventually(() => basement.notices.get().length > 0);
  expect(basement.notices.get()[0]!.text).toMatch(/ also changed an entry\.$/);
  expect(reported).toHaveBeenCalledWith(expect.objectContaining({ message: 'It has no name.' }));
  reported.mockRestore();
  await basement.close();
});
