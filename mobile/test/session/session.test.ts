import { SyncError, fetchTransport, type Transport } from '@tidemark/client';
import { createShare, listShares, withdrawShare } from '../../src/games/shares';
import { eventually, Phone } from '../support/phone';
import { Server, sharedServer } from '../support/server';

const server = sharedServer();

/** Two phones in accounts of their own, each with a game. */
async function twoPhones(): Promise<{ kitchen: Phone; basement: Phone }> {
  const kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  const basement = await Phone.open(server.url, { name: 'Basement phone' });
  await kitchen.play('Kitchen game');
  await basement.play('Basement game');
  for (const phone of [kitchen, basement]) {
    await eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');
  }
  return { kitchen, basement };
}

describe('joining with local data', () => {
  test('bringing it along, both devices have everything', async () => {
    const { kitchen, basement } = await twoPhones();
    await using _ = kitchen;
    await using __ = basement;
    await basement.create('games', { name: 'Not synced yet' });

    await basement.join(kitchen, 'bring-along');

    await basement.isInStepWith(kitchen);
    expect(await kitchen.games()).toEqual(['Basement game', 'Kitchen game', 'Not synced yet']);
    expect(basement.tidemark.account.get()!.accountId).toBe(kitchen.tidemark.account.get()!.accountId);
  });

  test('starting fresh, it is gone here and was never there', async () => {
    const { kitchen, basement } = await twoPhones();
    await using _ = kitchen;
    await using __ = basement;
    expect(await basement.tidemark.hasLocalData()).toBe(true);

    await basement.join(kitchen, 'start-fresh');

    await basement.isInStepWith(kitchen);
    expect(await kitchen.games()).toEqual(['Kitchen game']);
  });

  test('with a wrong code nothing changes', async () => {
    const { kitchen, basement } = await twoPhones();
    await using _ = kitchen;
    await using __ = basement;
    const account = basement.tidemark.account.get();

    const joining = basement.tidemark.join('ABCDEFGH', { localData: 'start-fresh' });

    await expect(joining).rejects.toMatchObject({ code: 'PAIRING_CODE_INVALID', hint: expect.any(String) });
    expect(basement.tidemark.account.get()).toBe(account);
    expect(await basement.games()).toEqual(['Basement game']);
    await basement.reaches('synced');
  });

  test('while the first registration is under way, nothing of the first account stays behind', async () => {
    await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
    await kitchen.play('Kitchen game');
    await kitchen.reaches('synced');
    const { code } = await kitchen.tidemark.pair();
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    // The answer with the first account arrives although its request was aborted, after joining has begun.
    const transport: Transport = async (request) => {
      const isRegistering = request.url.endsWith('/auth/devices') && !request.body?.toString().includes(code);
      if (!isRegistering) return fetchTransport(request);
      const answer = await fetchTransport({ ...request, signal: new AbortController().signal });
      await held;
      return answer;
    };

    await using basement = await Phone.open(server.url, { name: 'Basement phone', transport });
    const joining = basement.tidemark.join(code, { localData: 'start-fresh' });
    const devices = async () => (await kitchen.tidemark.listDevices()).map(({ name }) => name);
    await eventually(async () => (await devices()).includes('Basement phone'));
    letGo();
    await joining;

    await basement.isInStepWith(kitchen);
    expect(await basement.games()).toEqual(['Kitchen game']);
  });

  test('on another server, the address goes along', async () => {
    await using elsewhere = await Server.start();
    await using kitchen = await Phone.open(elsewhere.url);
    await kitchen.play('Kitchen game');
    await kitchen.reaches('synced');
    await using basement = await Phone.open(server.url);
    await basement.play('Basement game');
    const { code } = await kitchen.tidemark.pair();

    await basement.tidemark.join(code, { serverUrl: elsewhere.url, localData: 'bring-along' });

    await basement.isInStepWith(kitchen);
    expect(basement.tidemark.serverUrl).toBe(elsewhere.url);
    expect(await kitchen.games()).toEqual(['Basement game', 'Kitchen game']);
  });
});

test('a device is nobody’s until it is registered, and empty before the first game', async () => {
  await using phone = await Phone.open('');
  expect(phone.tidemark.account.get()).toBeNull();
  expect(await phone.tidemark.hasLocalData()).toBe(false);
  expect(phone.status.state).toBe('disconnected');

  await phone.create('games', { name: 'Friday' });

  expect(await phone.tidemark.hasLocalData()).toBe(true);
  expect(await phone.tidemark.countUnsynced()).toBe(1);
});

test('signing out empties this device and leaves the others alone', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  await kitchen.play('Friday');
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });
  const { accountId, deviceId } = basement.tidemark.account.get()!;

  await basement.tidemark.signOut();

  await basement.reaches('synced');
  expect(await basement.games()).toEqual([]);
  expect(basement.tidemark.account.get()!.accountId).not.toBe(accountId);
  expect((await kitchen.tidemark.listDevices()).map((device) => device.deviceId)).not.toContain(deviceId);
  expect(await kitchen.games()).toEqual(['Friday']);
});

test('devices are listed, renamed and revoked', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });
  const { deviceId } = basement.tidemark.account.get()!;

  expect(await kitchen.tidemark.listDevices()).toMatchObject([
    { name: 'Kitchen phone', platform: 'node', isCurrent: true },
    { name: 'Basement phone', isCurrent: false, deviceId },
  ]);
  await kitchen.tidemark.renameDevice(deviceId, 'Cellar phone');
  expect((await kitchen.tidemark.listDevices())[1]).toMatchObject({ name: 'Cellar phone' });
  await kitchen.tidemark.revokeDevice(deviceId);
  await basement.reaches('incompatible');
  await expect(basement.tidemark.listDevices()).rejects.toBeInstanceOf(SyncError);
});

test('a game is shared by a link, until it is withdrawn', async () => {
  await using phone = await Phone.open(server.url);
  const game = await phone.play('Friday');
  await phone.reaches('synced');

  const { shareId, url } = await createShare(phone.tidemark.api, game);

  expect(url).toMatch(new RegExp(`^${server.url}/#/watch/.+`));
  expect(await listShares(phone.tidemark.api, game)).toEqual([{ shareId, createdAt: expect.any(Number) }]);
  await withdrawShare(phone.tidemark.api, shareId);
  expect(await listShares(phone.tidemark.api, game)).toEqual([]);
});

test('the server’s address outlives the session when it is not the usual one', async () => {
  await using phone = await Phone.open('http://127.0.0.1:9');
  await phone.tidemark.setServerUrl(server.url);
  await phone.reaches('synced');
  await phone.tidemark.close();

  await using again = await Phone.open('http://127.0.0.1:9', { database: phone.database });

  expect(again.tidemark.serverUrl).toBe(server.url);
});

test('closing waits for what is under way, and nothing runs or begins afterwards', async () => {
  let requests = 0;
  const transport: Transport = (request) => ((requests += 1), fetchTransport(request));
  await using phone = await Phone.open(server.url, { transport });
  await phone.reaches('synced');
  const done: string[] = [];
  let finish = (): void => undefined;
  const held = new Promise<void>((resolve) => (finish = resolve));

  let isWorking = false;
  const work = (): Promise<void> => ((isWorking = true), held);
  const working = phone.tidemark.whileStopped(work).then(() => done.push('work'));
  await eventually(() => isWorking);
  const closing = phone.tidemark.close().then(() => done.push('close'));
  const late = phone.tidemark.whileStopped(async () => done.push('late'));
  finish();

  await expect(late).rejects.toMatchObject({ code: 'CANCELED' });
  await Promise.all([working, closing]);
  expect(done).toEqual(['work', 'close']);
  const requestsBefore = requests;
  phone.tidemark.start();
  await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'CANCELED' });
  expect(requests).toBe(requestsBefore);
  expect(phone.status.state).toBe('disconnected');
});
