import { eventually, Phone } from '../support/phone';
import { Server } from '../support/server';

test('tokens are renewed over the open connection, which never breaks off', async () => {
  await using server = await Server.start({ ACCESS_TOKEN_TTL_SECONDS: '10' });
  await using phone = await Phone.open(server.url);
  await phone.reaches('synced');
  const { accessToken } = (await phone.credentials.read())!;
  phone.statuses.length = 0;

  const renewals = new Set<string>([accessToken]);
  await eventually(async () => renewals.add((await phone.credentials.read())!.accessToken).size > 2);

  expect(phone.statuses.filter(({ state }) => state === 'disconnected')).toEqual([]);
});

test('a server that is restarted is found again', async () => {
  await using server = await Server.start();
  await using kitchen = await Phone.open(server.url);
  await kitchen.reaches('synced');
  await using basement = await kitchen.pair();

  await server.stop();
  await kitchen.reaches('disconnected');
  await kitchen.play('Friday');
  await server.startAgain();

  await kitchen.isInStepWith(basement);
  expect(await basement.games()).toEqual(['Friday']);
});
