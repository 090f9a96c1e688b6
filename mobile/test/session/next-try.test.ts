import { fetchTransport, type Transport } from '@tidemark/client';
import { Phone } from '../support/phone';
import { sharedServer } from '../support/server';

const server = sharedServer();
const problem = { code: 'INTERNAL', detail: 'It broke.', hint: 'Try again.', retry_after: 60 };
const broken: Transport = (request) =>
  request.url.includes('/sync/pull')
    ? Promise.resolve({ status: 500, body: JSON.stringify(problem), header: () => null })
    : fetchTransport(request);

test('stopped, no next try is announced', async () => {
  await using phone = await Phone.open(server.url, { transport: broken });
  await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'INTERNAL' });
  expect(phone.status.nextTryAt).toBeGreaterThan(Date.now());

  await phone.tidemark.stop();

  expect(phone.status.nextTryAt).toBeNull();
});

test('barred by what the live connection says, no next try is announced', async () => {
  await using phone = await Phone.open(server.url, { transport: broken });
  await expect(phone.tidemark.sync()).rejects.toMatchObject({ code: 'INTERNAL' });
  const { deviceId } = phone.tidemark.account.get()!;

  await phone.tidemark.revokeDevice(deviceId);

  await phone.reaches('incompatible');
  expect(phone.status.nextTryAt).toBeNull();
});
