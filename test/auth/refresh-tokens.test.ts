import { forEachDatabase, startApp } from '../support/app.js';
import { send, TestDevice, type Reply } from '../support/device.js';
import { expectProblem, pull } from '../support/exchange.js';
import { shareApp, TestClock } from '../support/shared-app.js';

/** accounts.md: `POST /auth/token` and the rotation of refresh tokens. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const use = (refreshToken: unknown): Promise<Reply> =>
    send('POST', `${app().url}/api/v1/auth/token`, { body: { refresh_token: refreshToken } });
  const next = async (refreshToken: string): Promise<string> => {
    const reply = await use(refreshToken);
    expect({ status: reply.status, body: reply.body }).toMatchObject({ status: 200 });
    return reply.body.refresh_token as string;
  };
  /** The answer to a pull with exactly this access token. */
  const pullWith = (accessToken: string): Promise<Reply> =>
    send('GET', `${app().url}/api/v1/sync/pull`, { headers: { authorization: `Bearer ${accessToken}` } });

  test('a refresh token is exchanged for a new pair of the same device', async () => {
    const device = await app().newDevice();
    const reply = await use(device.refreshToken);
    expect(reply.status).toBe(200);
    expect(reply.body).toMatchObject({ account_id: device.accountId, device_id: device.deviceId });
    expect(reply.body.expires_at).toBeGreaterThan(Date.now());
    expect(reply.body.refresh_token).not.toBe(device.refreshToken);
    expect((await pullWith(reply.body.access_token)).status).toBe(200);
  });

  test('the access token from before works on until it expires', async () => {
    const device = await app().newDevice();
    await use(device.refreshToken);
    await pull(device);
  });

  test('refresh tokens rotate without end', async () => {
    let token = (await app().newDevice()).refreshToken;
    const tokens = new Set([token]);
    for (let n = 0; n < 10; n += 1) tokens.add((token = await next(token)));
    expect(tokens.size).toBe(11);
  });

  test('refresh tokens do not expire', async () => {
    const clock = new TestClock();
    await using own = await startApp(database, { now: clock.now });
    const device = await own.newDevice();
    clock.ms += 5 * 365 * 86_400_000;
    expect((await device.pull()).status).toBe(401);
    expect((await device.refresh()).status).toBe(200);
    await pull(device);
  });

  test('the previous token works as long as its successor was not used: the answer may have got lost', async () => {
    const device = await app().newDevice();
    await next(device.refreshToken);
    await next(device.refreshToken);
    const third = await use(device.refreshToken);
    expect(third.status).toBe(200);
    expect((await pullWith(third.body.access_token)).status).toBe(200);
    expect(await next(third.body.refresh_token)).toEqual(expect.any(String));
  });

  test('of several answers to the same token the first works too, when it arrived after all', async () => {
    const device = await app().newDevice();
    const first = await next(device.refreshToken);
    await next(device.refreshToken);
    expect(await next(first)).toEqual(expect.any(String));
  });

  test('an access token from an answer does not count as its use: only the refresh token does', async () => {
    const device = await app().newDevice();
    const first = await use(device.refreshToken);
    expect((await pullWith(first.body.access_token)).status).toBe(200);
    expect((await use(device.refreshToken)).status).toBe(200);
  });

  test('an older token used again revokes the device: access and all refresh tokens', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    const second = await next(device.refreshToken);
    const third = await next(second);
    expectProblem(await use(device.refreshToken), 401, 'DEVICE_REVOKED');
    expectProblem(await device.pull(), 401, 'DEVICE_REVOKED');
    for (const token of [third, second, device.refreshToken]) {
      expectProblem(await use(token), 401, 'DEVICE_REVOKED');
    }
    const devices = (await other.request('GET', '/auth/devices')).body as { device_id: string }[];
    expect(devices.map(({ device_id }) => device_id)).toEqual([other.deviceId]);
  });

  test('the token before the previous revokes the device even when the newest was never used', async () => {
    const device = await app().newDevice();
    const second = await next(device.refreshToken);
    await next(second);
    expect((await use(device.refreshToken)).status).toBe(401);
    expectProblem(await device.pull(), 401, 'DEVICE_REVOKED');
  });

  test('a token used many times at the same moment leaves the device with tokens that work', async () => {
    const device = await app().newDevice();
    const replies = await Promise.all(Array.from({ length: 6 }, () => use(device.refreshToken)));
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200, 200]);
    await next(replies[5]!.body.refresh_token as string);
    await pull(device);
  });

  test.each([7, 8, 9, 20])(
    'a previous token used %i more times does not put out the owner of its first successor',
    async (times) => {
      const device = await app().newDevice();
      const stolen = device.refreshToken;
      const own = await next(stolen);
      let others = '';
      for (let n = 0; n < times; n += 1) others = await next(stolen);
      expect(await next(own)).toEqual(expect.any(String));
      await pull(device);
      // Two people use it: as soon as the other one goes on, the device is revoked.
      expectProblem(await use(others), 401, 'DEVICE_REVOKED');
    },
  );

  test('of many answers to one token each works, when it is the one that arrived', async () => {
    for (const arrived of [0, 7, 8, 15]) {
      const device = await app().newDevice();
      const answers: string[] = [];
      for (let n = 0; n < 16; n += 1) answers.push(await next(device.refreshToken));
      expect(await next(answers[arrived]!)).toEqual(expect.any(String));
    }
  });

  test.each([undefined, null, 5, {}, '', 'abc', 'x'.repeat(600), '\u0000', 'a.b.1.c.d', '__proto__'])(
    'refuses %j and revokes nobody',
    async (token) => {
      const device = await app().newDevice();
      const reply = await use(token);
      expect([400, 401]).toContain(reply.status);
      await pull(device);
      expect((await use(device.refreshToken)).status).toBe(200);
    },
  );

  test("a token made up from a device's ids does not revoke it", async () => {
    const device = await app().newDevice();
    const token = device.refreshToken;
    const made = [
      token.replace(/^[^.]{4}/, 'AAAA'),
      [...token].map((char) => (/[a-z]/.test(char) ? 'x' : char)).join(''),
      `${token}x`,
    ];
    for (const one of made) expect((await use(one)).status).toBe(401);
    await pull(device);
    expect((await use(token)).status).toBe(200);
  });

  test('an access token is no refresh token, and the other way round', async () => {
    const device = await app().newDevice();
    expectProblem(await use(device.accessToken), 401, 'TOKEN_INVALID');
    expectProblem(await pullWith(device.refreshToken), 401, 'TOKEN_INVALID');
  });

  test('a token from another server means nothing here', async () => {
    await using elsewhere = await startApp(database);
    const { refreshToken } = await TestDevice.register(elsewhere.url);
    expectProblem(await use(refreshToken), 401, 'TOKEN_INVALID');
  });
});
