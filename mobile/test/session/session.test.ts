import { fetchTransport } from '../../../client/src/api/fetch-transport';
import { SyncError } from '../../../client/src/api/sync-error';
import type { Transport } from '../../../client/src/api/transport';
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
    expect(basement.session.account.get()!.accountId).toBe(kitchen.session.account.get()!.accountId);
  });

  test('starting fresh, it is gone here and was never there', async () => {
    const { kitchen, basement } = await twoPhones();
    await using _ = kitchen;
    await using __ = basement;
    expect(await basement.session.hasLocalData()).toBe(true);

    await basement.join(kitchen, 'start-fresh');

    await basement.isInStepWith(kitchen);
    expect(await kitchen.games()).toEqual(['Kitchen game']);
  });

  test('with a wrong code nothing changes', async () => {
    const { kitchen, basement } = await twoPhones();
    await using _ = kitchen;
    await using __ = basement;
    const account = basement.session.account.get();

    const joining = basement.session.join('ABCDEFGH', { localData: 'start-fresh' });

    await expect(joining).rejects.toMatchObject({ code: 'PAIRING_CODE_INVALID', hint: expect.any(String) });
    expect(basement.session.account.get()).toBe(account);
    expect(await basement.games()).toEqual(['Basement game']);
    await basement.reaches('synced');
  });

  test('while the first registration is under way, nothing of the first account stays behind', async () => {
    await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
    await kitchen.play('Kitchen game');
    await kitchen.reaches('synced');
    const { code } = await kitchen.session.createPairingCode();
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
    const joining = basement.session.join(code, { localData: 'start-fresh' });
    const devices = async () => (await kitchen.session.listDevices()).map(({ name }) => name);
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
    const { code } = await kitchen.session.createPairingCode();

    await basement.session.join(code, { serverUrl: elsewhere.url, localData: 'bring-along' });

    await basement.isInStepWith(kitchen);
    expect(basement.session.serverUrl).toBe(elsewhere.url);
    expect(await kitchen.games()).toEqual(['Basement game', 'Kitchen game']);
  });
});

test('a device is nobody’s until it is registered, and empty before the first game', async () => {
  await using phone = await Phone.open('');
  expect(phone.session.account.get()).toBeNull();
  expect(await phone.session.hasLocalData()).toBe(false);
  expect(phone.status.state).toBe('disconnected');

  await phone.create('games', { name: 'Friday' });

  expect(await phone.session.hasLocalData()).toBe(true);
  expect(await phone.session.countUnsynced()).toBe(1);
});

test('signing out empties this device and leaves the others alone', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  await kitchen.play('Friday');
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });
  const { accountId, deviceId } = basement.session.account.get()!;

  await basement.session.signOut();

  await basement.reaches('synced');
  expect(await basement.games()).toEqual([]);
  expect(basement.session.account.get()!.accountId).not.toBe(accountId);
  expect((await kitchen.session.listDevices()).map((device) => device.deviceId)).not.toContain(deviceId);
  expect(await kitchen.games()).toEqual(['Friday']);
});

test('devices are listed, renamed and revoked', async () => {
  await using kitchen = await Phone.open(server.url, { name: 'Kitchen phone' });
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair({ name: 'Basement phone' });
  const { deviceId } = basement.session.account.get()!;

  expect(await kitchen.session.listDevices()).toMatchObject([
    { name: 'Kitchen phone', platform: 'node', isCurrent: true },
    { name: 'Basement phone', isCurrent: false, deviceId },
  ]);
  await kitchen.session.renameDevice(deviceId, 'Cellar phone');
  expect((await kitchen.session.listDevices())[1]).toMatchObject({ name: 'Cellar phone' });
  await kitchen.session.revokeDevice(deviceId);
  await basement.reaches('incompatible');
  await expect(basement.session.listDevices()).rejects.toBeInstanceOf(SyncError);
});

test('a game is shared by a link, until it is withdrawn', async () => {
  await using phone = await Phone.open(server.url);
  const game = await phone.play('Friday');
  await phone.reaches('synced');

  const { shareId, url } = await phone.session.createShare(game);

  expect(url).toMatch(new RegExp(`^${server.url}/#/watch/.+`));
  expect(await phone.session.listShares(game)).toEqual([{ shareId, createdAt: expect.any(Number) }]);
  await phone.session.withdrawShare(shareId);
  expect(await phone.session.listShares(game)).toEqual([]);
});

test('the server’s address outlives the session when it is not the usual one', async () => {
  await using phone = await Phone.open('http://127.0.0.1:9');
  await phone.session.setServerUrl(server.url);
  await phone.reaches('synced');
  await phone.session.close();

  await using again = await Phone.open('http://127.0.0.1:9', { database: phone.database });

  expect(again.session.serverUrl).toBe(server.url);
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
  const working = phone.sync.whileStopped(work).then(() => done.push('work'));
  await eventually(() => isWorking);
  const closing = phone.session.close().then(() => done.push('close'));
  const late = phone.sync.whileStopped(async () => done.push('late'));
  finish();

  await expect(late).rejects.toMatchObject({ code: 'CANCELED' });
  await Promise.all([working, closing]);
  expect(done).toEqual(['work', 'close']);
  const requestsBefore = requests;
  phone.sync.start();
  await phone.sync.runOnce();
  expect(requests).toBe(requestsBefore);
  expect(phone.status.state).toBe('disconnected');
});
