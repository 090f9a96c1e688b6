import { fetchTransport, type Transport } from '@tidemark/client';
import { eventually, Phone } from '../support/phone';
import { Server } from '../support/server';

/** Everything that happened before the server's data was put back to an earlier state, and that the server has forgotten. */
interface Past {
  server: Server;
  /** Had one game in the snapshot; its later ones are lost. */
  phone: Phone;
  /** Another device of that account, in the snapshot. */
  second: Phone;
  /** Its newest push is lost, but it had not pulled since the snapshot. */
  pusher: Phone;
  /** Devices made in the lost time: in an account of before, and with an account of their own. */
  guest: Phone;
  stranger: Phone;
}

/** A transport whose connection, once it is `frail`, breaks for good when a push was answered. */
function breakable(): { transport: Transport; state: { isFrail: boolean; isBroken: boolean } } {
  const state = { isFrail: false, isBroken: false };
  const transport: Transport = async (request) => {
    if (state.isBroken) throw new Error('The connection broke.');
    const answer = await fetchTransport(request);
    if (state.isFrail && request.url.includes('/sync/push')) state.isBroken = true;
    return answer;
  };
  return { transport, state };
}

const isSynced = (phone: Phone) =>
  eventually(() => phone.status.pending === 0 && phone.status.state === 'synced');

let past: Past;

beforeAll(async () => {
  const server = await Server.start();
  const phone = await Phone.open(server.url);
  await phone.play('Before');
  await isSynced(phone);
  const second = await phone.pair();
  const { transport, state } = breakable();
  const pusher = await Phone.open(server.url, { transport });
  await pusher.play('Before');
  await isSynced(pusher);
  for (const one of [phone, second, pusher]) await one.tidemark.stop();

  const putBack = await server.snapshot();
  for (const one of [phone, second]) one.tidemark.start();
  await phone.play('Lost');
  await isSynced(phone);
  await phone.isInStepWith(second);
  await second.tidemark.stop();
  pusher.tidemark.start();
  await isSynced(pusher);
  await pusher.tidemark.stop();
  await pusher.play('Lost');
  state.isFrail = true;
  pusher.tidemark.start();
  await eventually(() => state.isBroken && pusher.status.pending === 0);
  const guest = await phone.pair();
  await guest.play('Of the guest');
  await isSynced(guest);
  await eventually(async () => (await phone.games()).includes('Of the guest'));
  const stranger = await Phone.open(server.url);
  await stranger.play('Of the stranger');
  await isSynced(stranger);
  for (const one of [phone, pusher, guest, stranger]) await one.tidemark.stop();
  Object.assign(state, { isFrail: false, isBroken: false });

  await putBack();
  past = { server, phone, second, pusher, guest, stranger };
  for (const one of [phone, second, pusher, guest, stranger]) one.statuses.length = 0;
});
afterAll(async () => {
  const { server, ...phones } = past;
  for (const phone of Object.values(phones)) await phone[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** Waits for `incompatible`; the light must never have been green since the data was put back. */
async function isFoundOut(phone: Phone, code: string): Promise<void> {
  await phone.reaches('incompatible');
  expect(phone.status.reason).toMatchObject({ code, hint: expect.stringMatching(/\w/) });
  expect(phone.statuses.map(({ light }) => light)).not.toContain('green');
}

test('a device whose newest push is lost finds it out, although it had pulled nothing since', async () => {
  const { pusher } = past;
  pusher.tidemark.start();
  await isFoundOut(pusher, 'HISTORY_CHANGED');
  expect(await pusher.games()).toEqual(['Before', 'Lost']);

  await pusher.tidemark.resolve('upload-everything');
  await pusher.reaches('synced');
  await using other = await pusher.pair();
  expect(await other.everything()).toEqual(await pusher.everything());
});

test('a device that pushes first after it does not hide the loss from the others', async () => {
  const { second, phone } = past;
  second.tidemark.start();
  await isFoundOut(second, 'HISTORY_CHANGED');
  await second.tidemark.resolve('take-server');
  await second.play('First after it');
  await isSynced(second);
  expect(await second.games()).toEqual(['Before', 'First after it']);

  phone.tidemark.start();
  await isFoundOut(phone, 'HISTORY_CHANGED');
  expect(await phone.games()).toEqual(['Before', 'Lost', 'Of the guest']);
  await phone.tidemark.resolve('upload-everything');
  await phone.isInStepWith(second);
  expect(await second.games()).toEqual(['Before', 'First after it', 'Lost', 'Of the guest']);
});

test('a device made in the lost time keeps everything, and uploads it after it registered anew', async () => {
  const { stranger } = past;
  const before = await stranger.everything();
  stranger.tidemark.start();
  await isFoundOut(stranger, 'DEVICE_REVOKED');
  expect(stranger.status.reason!.message).toBe('This server no longer knows this device.');
  expect(await stranger.everything()).toEqual(before);

  await stranger.tidemark.resolve('upload-everything');
  await stranger.reaches('synced');
  await using other = await stranger.pair();
  expect(await other.everything()).toEqual(before);
});

test('a device that joined in the lost time joins again, and uploads everything', async () => {
  const { guest, second } = past;
  await guest.update('games', (await gameNamed(guest, 'Lost'))!, { name: 'Lost, edited' });
  await guest.play('Never sent');
  guest.tidemark.start();
  await isFoundOut(guest, 'DEVICE_REVOKED');

  const { code } = await second.tidemark.pair();
  await guest.tidemark.join(code, { localData: 'bring-along' });
  await isFoundOut(guest, 'HISTORY_CHANGED'); // the account lost data too: a person decides whose is right
  await guest.tidemark.resolve('upload-everything');
  await guest.isInStepWith(second);
  expect(await second.games()).toEqual(
    expect.arrayContaining(['Before', 'Lost, edited', 'Of the guest', 'Never sent']),
  );
});

async function gameNamed(phone: Phone, name: string): Promise<string | undefined> {
  return (await phone.everything()).games!.find((row) => row.name === name)?.id;
}
