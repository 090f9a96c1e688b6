import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { moveDate, TestClock } from '../support/shared-app.js';

const MINUTE = 60_000;

/** accounts.md: pairing codes. */
forEachDatabase((database) => {
  let clock: TestClock;
  let app: TestApp;
  beforeEach(async () => {
    clock = new TestClock();
    app = await startApp(database, { now: clock.now });
  });
  afterEach(() => app.close());
  afterEach(() => jest.restoreAllMocks());

  const newCode = async (device: TestDevice) =>
    (await device.request('POST', '/auth/pairing-codes')).body.code as string;
  const join = (code: string) =>
    send('POST', `${app.url}/api/v1/auth/devices`, { body: { pairing_code: code } });

  test('a code is answered with 201 and its end, 10 minutes away', async () => {
    const device = await app.newDevice();
    const reply = await device.request('POST', '/auth/pairing-codes');
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({ code: expect.any(String), expires_at: clock.ms + 10 * MINUTE });
  });

  test('codes are 8 characters without look-alikes, and no two alike', async () => {
    const device = await app.newDevice();
    const codes = await Promise.all(Array.from({ length: 40 }, () => newCode(device)));
    for (const code of codes) expect(code).toMatch(/^[2-9A-Z]{8}$/);
    expect(codes.join('')).not.toMatch(/[01OIL]/);
    expect(new Set(codes).size).toBe(40);
  });

  test('a code works once', async () => {
    const device = await app.newDevice();
    const code = await newCode(device);
    const first = await join(code);
    expect(first.status).toBe(201);
    expect(first.body.account_id).toBe(device.accountId);
    expectProblem(await join(code), 400, 'PAIRING_CODE_INVALID');
  });

  test('of two devices joining with one code at the same moment one gets in', async () => {
    const device = await app.newDevice();
    const code = await newCode(device);
    const replies = await Promise.all([join(code), join(code), join(code)]);
    expect(replies.map((reply) => reply.status).sort()).toEqual([201, 400, 400]);
    expect((await device.request('GET', '/auth/devices')).body).toHaveLength(2);
  });

  test('wrong codes sent all at once are limited like wrong codes one after another', async () => {
    const replies = await Promise.all(Array.from({ length: 60 }, () => join('22222222')));
    expect(replies.filter(({ status }) => status === 400).length).toBeLessThanOrEqual(10);
    for (const reply of replies.filter(({ status }) => status !== 400))
      expectProblem(reply, 429, 'RATE_LIMITED');
  });

  test('a code works for 10 minutes', async () => {
    const device = await app.newDevice();
    const [early, late] = [await newCode(device), await newCode(device)];
    clock.ms += 10 * MINUTE - 1;
    expect((await join(early)).status).toBe(201);
    clock.ms += 1;
    expectProblem(await join(late), 400, 'PAIRING_CODE_INVALID');
  });

  test('several codes of an account can be open at once', async () => {
    const device = await app.newDevice();
    const codes = [await newCode(device), await newCode(device)];
    for (const code of codes) expect((await join(code)).status).toBe(201);
  });

  test('a code may be typed in lower case and with spaces', async () => {
    const device = await app.newDevice();
    const code = await newCode(device);
    const typed = ` ${code.slice(0, 4).toLowerCase()} ${code.slice(4).toLowerCase()} `;
    expect((await join(typed)).body.account_id).toBe(device.accountId);
  });

  test('a wrong code is refused and makes no account', async () => {
    const device = await app.newDevice();
    await newCode(device);
    for (const code of ['AAAAAAAA', '', 'x', '🎲', '\u0000']) {
      const reply = await join(code);
      expect(reply.status).toBe(400);
      expect(reply.body).not.toHaveProperty('account_id');
    }
    expect((await device.request('GET', '/auth/devices')).body).toHaveLength(1);
  });

  test('wrong codes are rate-limited: 429 with Retry-After, also for a right one, until that time has passed', async () => {
    moveDate(clock);
    const device = await app.newDevice();
    const code = await newCode(device);
    let refused = await join('AAAAAAAA');
    for (let tries = 0; refused.status !== 429 && tries < 60; tries += 1) refused = await join('AAAAAAAA');
    expectProblem(refused, 429, 'RATE_LIMITED');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expectProblem(await join(code), 429, 'RATE_LIMITED');
    clock.ms += retryAfter * 1_000;
    expect((await join(code)).status).toBe(201);
  });

  test('wrong codes from many addresses are limited in total', async () => {
    await using behind = await startApp(database, { now: clock.now, env: { TRUST_PROXY: 'true' } });
    const from = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const tryOnce = (index: number) =>
      send('POST', `${behind.url}/api/v1/auth/devices`, {
        body: { pairing_code: 'AAAAAAAA' },
        headers: { 'x-forwarded-for': from(index) },
      });
    let reply = await tryOnce(0);
    for (let index = 1; reply.status !== 429 && index < 2_000; index += 1) reply = await tryOnce(index);
    expectProblem(reply, 429, 'RATE_LIMITED');
  });

  test('without TRUST_PROXY nobody escapes the limit by an X-Forwarded-For of his own', async () => {
    const statuses: number[] = [];
    for (let index = 0; index < 60 && !statuses.includes(429); index += 1) {
      const headers = { 'x-forwarded-for': `10.0.0.${index}` };
      const reply = await send('POST', `${app.url}/api/v1/auth/devices`, {
        body: { pairing_code: 'AAAAAAAA' },
        headers,
      });
      statuses.push(reply.status);
    }
    expect(statuses).toContain(429);
  });

  test('right codes and registrations without a code are not slowed down by it', async () => {
    const device = await app.newDevice();
    for (let n = 0; n < 15; n += 1) expect((await join(await newCode(device))).status).toBe(201);
    for (let n = 0; n < 60; n += 1) await join('AAAAAAAA');
    expect((await send('POST', `${app.url}/api/v1/auth/devices`, { body: {} })).status).toBe(201);
  });

  test('a code ends with the device that made it, however that was revoked', async () => {
    const owner = await app.newDevice();
    const lost = await owner.pair();
    const codes = [await newCode(lost), await newCode(lost)];
    const own = await newCode(owner);
    expect((await owner.request('DELETE', `/auth/devices/${lost.deviceId}`)).status).toBe(204);
    for (const code of codes) expectProblem(await join(code), 400, 'PAIRING_CODE_INVALID');

    const stolen = await owner.pair();
    const code = await newCode(stolen);
    const first = stolen.refreshToken;
    for (let n = 0; n < 2; n += 1) await stolen.refresh();
    stolen.refreshToken = first;
    expectProblem(await stolen.refresh(), 401, 'DEVICE_REVOKED'); // an old token used again
    expectProblem(await join(code), 400, 'PAIRING_CODE_INVALID');

    expect((await join(own)).status).toBe(201);
  });

  test('a device that leaves by itself takes its codes along', async () => {
    const device = await app.newDevice();
    const other = await device.pair();
    const code = await newCode(other);
    expect((await other.request('DELETE', `/auth/devices/${other.deviceId}`)).status).toBe(204);
    expectProblem(await join(code), 400, 'PAIRING_CODE_INVALID');
  });

  test('at the moment of the revocation, a code is made and used before it or not at all', async () => {
    const owner = await app.newDevice();
    for (let n = 0; n < 3; n += 1) {
      const lost = await owner.pair();
      const early = await newCode(lost);
      const [revoked, late, joined] = await Promise.all([
        owner.request('DELETE', `/auth/devices/${lost.deviceId}`),
        lost.request('POST', '/auth/pairing-codes'),
        join(early),
      ]);
      expect(revoked.status).toBe(204);
      expect([201, 401]).toContain(late.status);
      expect([201, 400]).toContain(joined.status);
      for (const code of [early, (late.body as { code?: string }).code ?? early])
        expectProblem(await join(code), 400, 'PAIRING_CODE_INVALID');
      if (joined.status === 201)
        // it was in before; everybody sees it in the list
        await owner.request('DELETE', `/auth/devices/${joined.body.device_id}`);
    }
  });

  test('a code of an account that is full lets nobody in: QUOTA_EXCEEDED', async () => {
    await using small = await startApp(database, { env: { MAX_DEVICES_PER_ACCOUNT: '2' } });
    const device = await small.newDevice();
    const codes = [await newCode(device), await newCode(device)];
    const joinSmall = (code: string) =>
      send('POST', `${small.url}/api/v1/auth/devices`, { body: { pairing_code: code } });
    expect((await joinSmall(codes[0]!)).status).toBe(201);
    expectProblem(await joinSmall(codes[1]!), 403, 'QUOTA_EXCEEDED');
  });
});
