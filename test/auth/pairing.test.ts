import { hashPairingCode } from '../../src/auth/pairing-code.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import { Database } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send, TestDevice } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { getAsOperator } from '../support/operator.js';
import { moveDate, TestClock } from '../support/shared-app.js';
import { createStorage } from '../support/storage.js';

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

  test('wrong codes from many addresses refuse nobody, but raise an alert and lengthen new codes', async () => {
    moveDate(clock);
    await using behind = await startApp(database, { now: clock.now, env: { TRUST_PROXY: 'true' } });
    const device = await behind.newDevice();
    const joinFrom = (address: string, code: string) =>
      send('POST', `${behind.url}/api/v1/auth/devices`, {
        body: { pairing_code: code },
        headers: { 'x-forwarded-for': address },
      });
    const health = async () => (await getAsOperator(`${behind.url}/health`)).body as Record<string, unknown>;
    const early = [await newCode(device), await newCode(device)];
    const wrong = async (times: number, address: (n: number) => string) => {
      const tries = Array.from({ length: times }, (_, n) => joinFrom(address(n), 'AAAAAAAA'));
      for (const { status } of await Promise.all(tries)) expect(status).toBe(400);
    };
    await wrong(200, (n) => `10.0.${n % 25}.1`);
    expect(await health()).toMatchObject({ status: 'ok', pairing: { alert: false, wrong_codes: 200 } });
    expect(await newCode(device)).toMatch(/^[2-9A-Z]{8}$/);
    expect((await joinFrom('10.0.99.1', 'AAAAAAAA')).status).toBe(400); // above the limit for all
    await wrong(40, (n) => `10.1.${n}.1`);

    const long = await newCode(device);
    expect(long).toMatch(/^[2-9A-Z]{12}$/);
    expect(await health()).toMatchObject({ status: 'degraded', pairing: { alert: true } });
    expect((await getAsOperator(`${behind.url}/metrics`)).body).toMatch(/^tidemark_pairing_alert 1$/m);
    for (const code of [early[0]!, long]) expect((await joinFrom('10.2.0.1', code)).status).toBe(201);
    // A network that has sent eight wrong ones itself, and one that has sent too many.
    expect((await joinFrom('10.0.7.1', early[1]!)).status).toBe(201);
    for (let n = 0; n < 2; n += 1) expect((await joinFrom('10.0.7.1', 'AAAAAAAA')).status).toBe(400);
    expectProblem(await joinFrom('10.0.7.1', await newCode(device)), 429, 'RATE_LIMITED');

    clock.ms += 9 * MINUTE; // as long as an early code works
    expect(await newCode(device)).toHaveLength(12);
    clock.ms += MINUTE + 1;
    expect(await newCode(device)).toHaveLength(8);
    expect(await health()).toMatchObject({ status: 'ok', pairing: { alert: false, wrong_codes: 0 } });
  });

  test('many right codes that come from one address at once all pass', async () => {
    const device = await app.newDevice();
    const codes: string[] = [];
    for (let n = 0; n < 25; n += 1) codes.push(await newCode(device));
    const replies = await Promise.all(codes.map(join));
    expect(replies.map(({ status }) => status)).toEqual(codes.map(() => 201));
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

  test('a code that an earlier version made works after the upgrade, too', async () => {
    const storage = await createStorage(database);
    try {
      const migrations = serverTables.migrations.filter(({ name }) => !name.startsWith('PairingCodeMakers'));
      const config = loadConfig({ argv: [], env: storage.env });
      const before = await openDatabase(config, schema, { ...serverTables, migrations });
      const insert = 'INSERT INTO pairing_codes (code_hash, account_id, expires_at) VALUES ($1, $2, $3)';
      await before.write(insert, [hashPairingCode('K7MPQ2RX'), 'a1', clock.ms + MINUTE]);
      await before.close();
      await using after = await startApp(database, { storage, now: clock.now });
      await after.nest.get(Database).write(
        `INSERT INTO accounts (id, history_id, clock, origin, horizon, row_count, created_at)
         VALUES ('a1', 'h1', 1, 1, 0, 0, 1)`,
      );
      const device = await TestDevice.register(after.url, { pairing_code: 'K7MPQ2RX' });
      expect(device.accountId).toBe('a1');
      await device.pair();
    } finally {
      await storage.dispose();
    }
  });
});
