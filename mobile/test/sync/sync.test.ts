import { fetchTransport, type HttpRequest, type Transport } from '@tidemark/client';
import { newDatabase } from '../support/new-database';
import { eventually, Phone } from '../support/phone';
import { sharedServer } from '../support/server';

const server = sharedServer();

/** A transport that runs `meddle` before each request to one path. */
function network(path: string, meddle: (request: HttpRequest) => Promise<unknown>): Transport {
  return async (request) => {
    if (new URL(request.url).pathname.endsWith(path)) await meddle(request);
    return fetchTransport(request);
  };
}

/** Never answers; rejects when the request is aborted. */
function silence({ signal }: HttpRequest): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('Given up.')));
  });
}

test('a first start registers the device and turns green', async () => {
  await using phone = await Phone.open(server.url);

  await phone.reaches('synced');

  expect(phone.tidemark.account.get()).toMatchObject({ deviceId: expect.any(String) });
  expect(phone.status).toMatchObject({ light: 'green', pending: 0, reason: null, refused: [] });
});

test('without a server everything is kept, and registered and sent when there is one', async () => {
  await using phone = await Phone.open('http://127.0.0.1:9');
  await phone.play('Friday');
  await phone.reaches('disconnected');
  await eventually(() => phone.status.pending === 6);

  await phone.tidemark.setServerUrl(server.url);

  await phone.reaches('synced');
  await using other = await phone.pair();
  expect(await other.games()).toEqual(['Friday']);
});

test('what is entered on one device is on the other at once, without any asking', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });

  await kitchen.play('Friday');
  await eventually(async () => (await basement.everything()).scores!.length === 2);

  await kitchen.isInStepWith(basement);
});

test('a deletion is counted until the server has it', async () => {
  await using phone = await Phone.open(server.url);
  const game = await phone.create('games', { name: 'Friday' });
  await phone.reaches('synced');
  phone.tidemark.setOnline(false);
  await phone.tidemark.stop();

  await phone.remove('games', game);
  expect(await phone.tidemark.countUnsynced()).toBe(1);
  phone.tidemark.start();
  phone.tidemark.setOnline(true);

  await phone.reaches('synced');
  expect(await phone.tidemark.countUnsynced()).toBe(0);
});

test('an edit made while its push is on the way is pushed as well', async () => {
  let game = '';
  let isEdited = false;
  const transport = network('/push', async () => {
    if (isEdited || game === '') return;
    isEdited = true;
    await phone.update('games', game, { name: 'Saturday' });
  });
  await using phone = await Phone.open(server.url, { transport });
  await phone.reaches('synced');
  game = await phone.create('games', { name: 'Friday' });

  await eventually(() => isEdited && phone.status.state === 'synced');

  await using other = await phone.pair();
  expect(await other.games()).toEqual(['Saturday']);
});

test('changes to the same row on two devices are merged, and the person is told by whom', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  const game = await kitchen.create('games', { name: 'Friday' });
  await kitchen.reaches('synced');
  let isRaced = false;
  const transport = network('/push', async () => {
    if (isRaced) return;
    isRaced = true;
    await kitchen.update('games', game, { target_score: 200 });
    await kitchen.reaches('synced');
  });
  await using basement = await Phone.open(server.url, { name: 'Basement phone', transport });
  await basement.join(kitchen, 'start-fresh');

  await basement.update('games', game, { name: 'Saturday' });
  await eventually(() => isRaced);

  await basement.isInStepWith(kitchen);
  expect(await kitchen.find('games', game)).toMatchObject({ name: 'Saturday', target_score: 200 });
  await eventually(() => basement.tidemark.notices.get().length > 0);
  const [notice] = basement.tidemark.notices.get();
  expect(notice).toMatchObject({ kind: 'merged', text: 'Kitchen phone also changed the game “Saturday”.' });
  basement.tidemark.dismissNotice(notice!.id);
  expect(basement.tidemark.notices.get()).toEqual([]);
});

test('a refused row asks for attention, is not sent again as it is, and is sent when it was mended', async () => {
  let pushes = 0;
  const transport = network('/push', async () => void (pushes += 1));
  await using phone = await Phone.open(server.url, { transport });
  const game = await phone.create('games', { name: 'x'.repeat(201) });

  await phone.reaches('attention');
  expect(phone.status).toMatchObject({
    light: 'amber',
    pending: 0,
    refused: [{ table: 'games', id: game, reason: 'TEXT_TOO_LONG' }],
  });
  const pushesBefore = pushes;
  await phone.tidemark.sync();
  expect(pushes).toBe(pushesBefore);

  const other = await phone.create('games', { name: 'Friday' });
  await eventually(() => phone.status.pending === 0 && phone.status.state === 'attention');
  expect(pushes).toBe(pushesBefore + 1);
  await phone.update('games', game, { name: 'Shorter' });

  await phone.reaches('synced');
  expect(phone.status.refused).toEqual([]);
  expect(await phone.find('games', other)).toBeDefined();
  expect(await phone.tidemark.countUnsynced()).toBe(0);
});

test('what was refused is known after a restart of the app', async () => {
  const database = await newDatabase();
  await using phone = await Phone.open(server.url, { database });
  await phone.create('games', { name: 'x'.repeat(201) });
  await phone.reaches('attention');
  await phone.tidemark.stop();

  phone.tidemark.start();

  await phone.reaches('attention');
});

test('an entry whose game was deleted elsewhere goes, and the person is told', async () => {
  await using kitchen = await Phone.open(server.url);
  const game = await kitchen.play('Friday');
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair();
  await basement.tidemark.stop();
  await basement.create('rounds', { game_id: game, round_number: 2, created_at: 2 });
  await kitchen.remove('games', game);
  await kitchen.reaches('synced');

  basement.tidemark.start();

  await basement.isInStepWith(kitchen);
  expect(basement.tidemark.notices.get()).toMatchObject([
    { kind: 'dropped', text: expect.stringMatching(/^1 entry/) },
  ]);
});

test('a request that gets no answer is given up and made again', async () => {
  let isSilent = true;
  const transport = network('/pull', async (request) => {
    if (!isSilent) return;
    isSilent = false;
    await silence(request);
  });
  await using phone = await Phone.open(server.url, { transport });

  await phone.reaches('synced');

  expect(isSilent).toBe(false);
});

test('a server that fails makes it stuck with the reason, until it works again', async () => {
  let isBroken = true;
  const broken: Transport = async (request) => {
    const isPull = new URL(request.url).pathname.endsWith('/pull');
    if (!isBroken || !isPull) return fetchTransport(request);
    const problem = { code: 'INTERNAL', detail: 'It broke.', hint: 'Try again.' };
    return { status: 500, body: JSON.stringify(problem), header: () => null };
  };
  await using phone = await Phone.open(server.url, { transport: broken });

  for (let failures = 0; failures < 3; failures += 1) {
    await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'INTERNAL', message: 'It broke.' });
  }
  expect(phone.status).toMatchObject({ state: 'stuck', reason: { code: 'INTERNAL', message: 'It broke.' } });
  expect(phone.status.nextTryAt).toBeGreaterThan(Date.now());
  isBroken = false;
  await phone.tidemark.sync();

  await phone.reaches('synced');
  expect(phone.status.nextTryAt).toBeNull();
});

test('without a network it is grey, and green again with it', async () => {
  await using phone = await Phone.open(server.url);
  await phone.reaches('synced');

  phone.tidemark.setOnline(false);
  expect(phone.status).toMatchObject({ state: 'disconnected', light: 'grey' });
  phone.tidemark.setOnline(true);

  await phone.reaches('synced');
});

test('in the background nothing is proved; back in the foreground it is at once', async () => {
  await using phone = await Phone.open(server.url);
  await phone.reaches('synced');

  phone.tidemark.setForeground(false);
  await phone.reaches('connecting');
  phone.tidemark.setForeground(true);

  await phone.reaches('synced');
});

test('without the screen looking, the light is of the moment it is asked', async () => {
  await using phone = await Phone.open(server.url);
  await phone.reaches('synced');
  phone.tidemark.setForeground(false);

  const until = performance.now() + 3_300;
  while (performance.now() < until); // block the event loop

  expect(phone.status.state).toBe('connecting');
});

test('a large first sync shows how far it is', async () => {
  await using kitchen = await Phone.open(server.url);
  const { database } = kitchen;
  await database.write(() =>
    database.batch(
      Array.from({ length: 3_000 }, (_, index) =>
        database.get('games').prepareCreate((game) => void Object.assign(game, { name: `Game ${index}` })),
      ),
    ),
  );
  await kitchen.reaches('synced');

  await using basement = await kitchen.pair();

  const seen = basement.statuses.flatMap(({ progress }) => (progress ? [progress] : []));
  expect(seen.map(({ phase }) => phase)).toEqual(expect.arrayContaining(['download', 'apply']));
  const downloads = seen.filter(({ phase }) => phase === 'download');
  expect(downloads.every(({ totalRows }) => totalRows === 3_000)).toBe(true);
  expect(downloads.at(-1)).toMatchObject({ rows: 3_000 });
  expect(new Set(downloads.map(({ rows }) => rows)).size).toBeGreaterThan(2);
  expect(await basement.games()).toHaveLength(3_000);
});

test('an entry that was changed here and deleted elsewhere goes, and the person is told', async () => {
  await using kitchen = await Phone.open(server.url);
  const game = await kitchen.play('Friday');
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair();
  await basement.tidemark.stop();
  await basement.update('games', game, { name: 'Saturday' });
  await kitchen.remove('games', game);
  await eventually(() => kitchen.status.pending === 0);

  basement.tidemark.start();

  await basement.isInStepWith(kitchen);
  expect(await basement.games()).toEqual([]);
  expect(basement.tidemark.notices.get()).toMatchObject([
    { kind: 'dropped', text: '1 entry that was changed here was deleted on another device.' },
  ]);
});

test('a local database that cannot be read for a moment does not end the syncing', async () => {
  const database = await newDatabase();
  const read = database.localStorage.get.bind(database.localStorage);
  let failures = 0;
  database.localStorage.get = async (key) => {
    if (key !== 'tidemark_refused' || failures > 0) return read(key);
    failures += 1;
    throw new Error('The disk is busy.');
  };

  await using phone = await Phone.open(server.url, { database });

  await phone.reaches('synced');
  expect(failures).toBe(1);
});
