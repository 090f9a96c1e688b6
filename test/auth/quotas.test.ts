import { forEachDatabase, startApp } from '../support/app.js';
import { send, TestDevice, type Reply } from '../support/device.js';
import { expectProblem, pull } from '../support/exchange.js';
import { moveDate, TestClock } from '../support/shared-app.js';

const HOUR = 3_600_000;

afterEach(() => jest.restoreAllMocks());

/** accounts.md, "Quotas". Rows per account are in conformance/push-values. */
forEachDatabase((database) => {
  const register = (url: string, headers = {}): Promise<Reply> =>
    send('POST', `${url}/api/v1/auth/devices`, { body: {}, headers });

  test('accounts made from one address within an hour are limited: 429 with Retry-After', async () => {
    const clock = new TestClock();
    moveDate(clock);
    await using app = await startApp(database, {
      now: clock.now,
      env: { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '3' },
    });
    for (let n = 0; n < 3; n += 1) expect((await register(app.url)).status).toBe(201);
    const refused = await register(app.url);
    expectProblem(refused, 429, 'RATE_LIMITED');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(HOUR / 1_000);
    clock.ms += HOUR;
    for (let n = 0; n < 3; n += 1) expect((await register(app.url)).status).toBe(201);
    expectProblem(await register(app.url), 429, 'RATE_LIMITED');
  });

  test('joining an account, refreshing and syncing are not counted as making one', async () => {
    await using app = await startApp(database, { env: { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1' } });
    const device = await app.newDevice();
    for (let n = 0; n < 5; n += 1) await pull(await device.pair());
    expect((await device.refresh()).status).toBe(200);
    expectProblem(await register(app.url), 429, 'RATE_LIMITED');
  });

  test('behind a trusted proxy each client address has its own allowance', async () => {
    const env = { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1', TRUST_PROXY: 'true' };
    await using app = await startApp(database, { env });
    const from = (address: string) => register(app.url, { 'x-forwarded-for': address });
    expect((await from('192.0.2.1')).status).toBe(201);
    expect((await from('192.0.2.2')).status).toBe(201);
    expectProblem(await from('192.0.2.1'), 429, 'RATE_LIMITED');
  });

  test('without a trusted proxy X-Forwarded-For does not help', async () => {
    await using app = await startApp(database, { env: { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1' } });
    expect((await register(app.url, { 'x-forwarded-for': '192.0.2.1' })).status).toBe(201);
    expectProblem(await register(app.url, { 'x-forwarded-for': '192.0.2.2' }), 429, 'RATE_LIMITED');
  });

  test('devices of one account are limited; revoking one makes room', async () => {
    await using app = await startApp(database, { env: { MAX_DEVICES_PER_ACCOUNT: '3' } });
    const device = await app.newDevice();
    const second = await device.pair();
    await device.pair();
    const { body } = await device.request('POST', '/auth/pairing-codes');
    const join = { body: { pairing_code: body.code as string } };
    expectProblem(await send('POST', `${app.url}/api/v1/auth/devices`, join), 403, 'QUOTA_EXCEEDED');
    await second.request('DELETE', `/auth/devices/${second.deviceId}`);
    expect((await device.pair()).accountId).toBe(device.accountId);
    await TestDevice.register(app.url);
  });

  test('devices joining at the same moment do not get past the limit', async () => {
    await using app = await startApp(database, { env: { MAX_DEVICES_PER_ACCOUNT: '3' } });
    const device = await app.newDevice();
    const codes = await Promise.all(
      Array.from(
        { length: 6 },
        async () => (await device.request('POST', '/auth/pairing-codes')).body.code as string,
      ),
    );
    await Promise.all(
      codes.map((code) => send('POST', `${app.url}/api/v1/auth/devices`, { body: { pairing_code: code } })),
    );
    expect((await device.request('GET', '/auth/devices')).body).toHaveLength(3);
  });

  test('0 means no limit', async () => {
    const env = {
      MAX_DEVICES_PER_ACCOUNT: '0',
      MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '0',
      MAX_ROWS_PER_ACCOUNT: '0',
    };
    await using app = await startApp(database, { env });
    const device = await app.newDevice();
    for (let n = 0; n < 3; n += 1) await pull(await device.pair());
    for (let n = 0; n < 3; n += 1) expect((await register(app.url)).status).toBe(201);
  });
});
