import { fetchTransport, Tidemark, type Transport } from '@tidemark/client';
import { synchronize } from '../../src/session/synchronize';
import { newDatabase } from '../support/new-database';
import { eventually, MemoryCredentials, Phone } from '../support/phone';
import { Server, sharedServer } from '../support/server';

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

test('with a clock that is hours ahead, tokens are not renewed over and over', async () => {
  let renewals = 0;
  const tidemark = await Tidemark.open({
    database: await newDatabase(),
    synchronize,
    serverUrl: sharedServer().url,
    credentials: new MemoryCredentials(),
    transport: (request) => {
      if (request.url.endsWith('/auth/token')) renewals += 1;
      return fetchTransport(request);
    },
    device: { name: 'phone', platform: 'node' },
    now: () => Date.now() + 5 * 3_600_000,
  });
  tidemark.start();
  await eventually(() => tidemark.status.get().state === 'synced');

  const until = Date.now() + 3_500;
  await eventually(() => Date.now() > until);

  expect(tidemark.status.get().state).toBe('synced');
  expect(renewals).toBeLessThanOrEqual(2);
  await tidemark.close();
});

test('a server that announces what it does not hand out is not asked without a pause', async () => {
  await using kitchen = await Phone.open(sharedServer().url);
  await kitchen.reaches('synced');
  let frozenAt: number | null = null;
  let pulls = 0;
  const transport: Transport = async (request) => {
    const answer = await fetchTransport(request);
    if (frozenAt === null || !request.url.includes('/sync/pull')) return answer;
    pulls += 1;
    const frozen = { ...(JSON.parse(answer.body) as object), changes: {}, timestamp: frozenAt };
    return { ...answer, body: JSON.stringify(frozen) };
  };
  await using basement = await Phone.open(sharedServer().url, { transport });
  await basement.join(kitchen, 'start-fresh');
  frozenAt = Number(await basement.database.adapter.getLocal('__watermelon_last_pulled_at'));

  await kitchen.play('Friday');
  const started = Date.now();
  await eventually(() => pulls >= 4);

  expect(Date.now() - started).toBeGreaterThan(1_500);
  expect(basement.status.state).toBe('catching_up');
  frozenAt = null;
  await basement.isInStepWith(kitchen);
});
