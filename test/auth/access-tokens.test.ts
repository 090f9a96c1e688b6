import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { forEachDatabase, startApp } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import { expectProblem, pull } from '../support/exchange.js';
import { shareApp, TestClock } from '../support/shared-app.js';

const SECRET = 'the first secret of this test, long enough';
const NEXT_SECRET = 'the second secret of this test, long enough';

interface Claims {
  sub?: string;
  did?: unknown;
  iat?: number;
  nbf?: number;
  exp?: number;
}

/** accounts.md: access tokens. */
forEachDatabase((database) => {
  const clock = new TestClock();
  const app = shareApp(database, { now: clock.now, env: { JWT_SECRET: SECRET } });

  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const pullWith = (token: string) =>
    send('GET', `${app().url}/api/v1/sync/pull`, { headers: { authorization: `Bearer ${token}` } });
  const partOf = (device: TestDevice, index: 0 | 1): unknown =>
    JSON.parse(Buffer.from(device.accessToken.split('.')[index]!, 'base64url').toString());
  const headerOf = (device: TestDevice) => partOf(device, 0) as { alg: string; kid: string };
  const claimsOf = (device: TestDevice) => partOf(device, 1) as Claims;
  const kidOf = (device: TestDevice) => headerOf(device).kid;

  /** The device's token with the given changes; `undefined` omits a claim. Made by hand, as libraries refuse to. */
  const forge = (device: TestDevice, claims: Claims = {}, header: object = {}, secret = SECRET) => {
    const full = { alg: 'HS256', kid: kidOf(device), ...header };
    const text = `${base64(full)}.${base64({ ...claimsOf(device), ...claims })}`;
    const hash = full.alg.replace('HS', 'sha');
    return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
  };

  test('is a JWT with HS256, a kid, account, device, iat and exp 15 minutes later', async () => {
    const device = await app().newDevice();
    expect(headerOf(device)).toMatchObject({
      alg: 'HS256',
      kid: expect.any(String),
    });
    const { sub, did, iat, exp } = claimsOf(device);
    expect({ sub, did }).toEqual({ sub: device.accountId, did: device.deviceId });
    expect(iat).toBe(Math.floor(clock.ms / 1_000));
    expect(exp).toBe(iat! + 15 * 60);
    expect(device.accessToken).not.toContain(SECRET);
  });

  test('forged with the right key and header passes, so the refusals below are for their own reason', async () => {
    const device = await app().newDevice();
    expect((await pullWith(forge(device))).status).toBe(200);
  });

  test.each(['none', 'None', 'NONE', ''])('alg %p is refused', async (alg) => {
    const device = await app().newDevice();
    const header = { alg, typ: 'JWT', kid: kidOf(device) };
    const [, , signature] = device.accessToken.split('.');
    for (const end of ['', signature]) {
      expectProblem(
        await pullWith(`${base64(header)}.${base64(claimsOf(device))}.${end}`),
        401,
        'TOKEN_INVALID',
      );
    }
  });

  test('key confusion is refused: other HMACs with the same key, and asymmetric signatures', async () => {
    const device = await app().newDevice();
    for (const alg of ['HS384', 'HS512']) {
      expectProblem(await pullWith(forge(device, {}, { alg })), 401, 'TOKEN_INVALID');
    }
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const header = { alg: 'RS256', kid: kidOf(device), jwk: publicKey.export({ format: 'jwk' }) };
    const text = `${base64(header)}.${base64(claimsOf(device))}`;
    const signature = sign('sha256', Buffer.from(text), privateKey).toString('base64url');
    expectProblem(await pullWith(`${text}.${signature}`), 401, 'TOKEN_INVALID');
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    expectProblem(await pullWith(forge(device, {}, {}, pem)), 401, 'TOKEN_INVALID');
  });

  test.each(['other', '', '../../etc/passwd', '__proto__', undefined])(
    'the kid %p is refused',
    async (kid) => {
      const device = await app().newDevice();
      expectProblem(await pullWith(forge(device, {}, { kid })), 401, 'TOKEN_INVALID');
    },
  );

  test('another secret, a changed payload, a cut or foreign signature are refused', async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    const [header, payload, signature] = device.accessToken.split('.') as [string, string, string];
    const tokens = [
      forge(device, {}, {}, NEXT_SECRET),
      `${header}.${base64({ ...claimsOf(device), sub: other.accountId })}.${signature}`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${other.accessToken.split('.')[1]}.${signature}`,
      `${device.accessToken}.x`,
    ];
    for (const token of tokens) expectProblem(await pullWith(token), 401, 'TOKEN_INVALID');
  });

  test.each([
    { sub: undefined },
    { did: undefined },
    { exp: undefined },
    { did: 5 },
    { exp: 'soon' as never },
    { did: '' },
  ])('without proper claims (%j) is refused', async (claims) => {
    const device = await app().newDevice();
    expect((await pullWith(forge(device, claims))).status).toBe(401);
  });

  test("a device under another account's sub is refused", async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    expect((await pullWith(forge(device, { sub: other.accountId }))).status).toBe(401);
  });

  test('expires after its 15 minutes and 5 seconds of tolerance, known to the server or not', async () => {
    const device = await app().newDevice();
    const unused = await app().newDevice();
    await pull(device);
    const start = clock.ms;
    try {
      clock.ms = (claimsOf(device).exp! + 4) * 1_000;
      await pull(device);
      clock.ms = (claimsOf(device).exp! + 6) * 1_000;
      expectProblem(await device.pull(), 401, 'TOKEN_EXPIRED');
      expectProblem(await unused.pull(), 401, 'TOKEN_EXPIRED');
      expect((await device.refresh()).status).toBe(200);
      await pull(device);
    } finally {
      clock.ms = start;
    }
  });

  test('a token that is not valid yet is refused beyond the tolerance', async () => {
    const device = await app().newDevice();
    const seconds = Math.floor(clock.ms / 1_000);
    expect((await pullWith(forge(device, { nbf: seconds + 4 }))).status).toBe(200);
    expectProblem(await pullWith(forge(device, { nbf: seconds + 60 })), 401, 'TOKEN_INVALID');
  });

  test.each([
    ['Bearer', 'TOKEN_MISSING'],
    ['Bearer ', 'TOKEN_MISSING'],
    ['bearer x y', 'TOKEN_MISSING'],
    ['Basic dXNlcjpwYXNz', 'TOKEN_MISSING'],
    ['Bearer ..', 'TOKEN_INVALID'],
    ['Bearer a.b.c', 'TOKEN_INVALID'],
    ['Bearer e30.e30.e30', 'TOKEN_INVALID'],
    [`Bearer ${'x'.repeat(6_000)}`, 'TOKEN_INVALID'],
  ])('the header %p is refused', async (authorization, code) => {
    const reply = await send('GET', `${app().url}/api/v1/sync/pull`, { headers: { authorization } });
    expectProblem(reply, 401, code);
  });

  test('in the address is not taken', async () => {
    const { accessToken } = await app().newDevice();
    for (const name of ['access_token', 'token', 'authorization']) {
      const reply = await send('GET', `${app().url}/api/v1/sync/pull`, { query: { [name]: accessToken } });
      expectProblem(reply, 401, 'TOKEN_MISSING');
    }
  });

  test('two signing keys are valid while secrets rotate, and the old one no longer after that', async () => {
    const first = await startApp(database, { env: { JWT_SECRET: SECRET } });
    const device = await first.newDevice();
    await first.stop();

    const rotating = await startApp(database, {
      storage: first.storage,
      env: { JWT_SECRET: NEXT_SECRET, JWT_SECRET_PREVIOUS: SECRET },
    });
    Object.assign(device, { url: rotating.url });
    await pull(device);
    const fresh = await device.pair();
    expect(kidOf(fresh)).not.toBe(kidOf(device));
    await pull(fresh);
    // The new key with the old key's id, and the other way round.
    for (const [secret, kid] of [
      [SECRET, kidOf(fresh)],
      [NEXT_SECRET, kidOf(device)],
    ]) {
      const token = forge(device, {}, { kid }, secret);
      const headers = { authorization: `Bearer ${token}` };
      expectProblem(await send('GET', `${rotating.url}/api/v1/sync/pull`, { headers }), 401, 'TOKEN_INVALID');
    }
    await rotating.stop();

    await using rotated = await startApp(database, {
      storage: first.storage,
      env: { JWT_SECRET: NEXT_SECRET },
    });
    for (const each of [device, fresh]) Object.assign(each, { url: rotated.url });
    await pull(fresh);
    expectProblem(await device.pull(), 401, 'TOKEN_INVALID');
    expect((await device.refresh()).status).toBe(200);
    await pull(device);
  });

  test('a secret made by the server itself is kept: tokens work on after a restart', async () => {
    const first = await startApp(database);
    const device = await first.newDevice();
    await first.stop();
    await using second = await startApp(database, { storage: first.storage });
    Object.assign(device, { url: second.url });
    await pull(device);
  });
});
