import pg from 'pg';
import { RateLimits } from '../../src/auth/rate-limits.js';
import { startApp, type Storage, type TestApp } from '../support/app.js';
import { send, type Reply } from '../support/device.js';
import { expectProblem } from '../support/exchange.js';
import { getAsOperator } from '../support/operator.js';
import { moveDate, shareApp, TestClock } from '../support/shared-app.js';
import { createStorage } from '../support/storage.js';

const HOUR = 3_600_000;

afterEach(() => jest.restoreAllMocks());

const register = (app: TestApp, body = {}, address = '192.0.2.1'): Promise<Reply> =>
  send('POST', `${app.url}/api/v1/auth/devices`, { body, headers: { 'x-forwarded-for': address } });
const tryCode = (app: TestApp, address?: string): Promise<Reply> =>
  register(app, { pairing_code: 'AAAAAAAA' }, address);

async function query<R extends object>({ env }: Storage, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The limits across processes on one PostgreSQL; for a single process see quotas.test.ts and pairing.test.ts. */
describe('processes on one PostgreSQL', () => {
  const env = { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '4', TRUST_PROXY: 'true' };
  let storage: Storage;
  let one: TestApp;
  let other: TestApp;
  beforeEach(async () => {
    storage = await createStorage('postgres');
    [one, other] = [
      await startApp('postgres', { storage, env }),
      await startApp('postgres', { storage, env }),
    ];
  });
  afterEach(async () => {
    await Promise.all([one.close(), other.close()]);
    await storage.dispose();
  });

  test('count the accounts made from one address together', async () => {
    const replies = await Promise.all([one, other, one, other, one, other].map((app) => register(app)));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(4);
    for (const app of [one, other]) {
      const refused = await register(app);
      expectProblem(refused, 429, 'RATE_LIMITED');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(HOUR / 1_000 - 60);
    }
    expect((await register(other, {}, '192.0.2.2')).status).toBe(201);
  });

  test('count wrong codes together, and take right ones back', async () => {
    const device = await one.newDevice();
    for (let n = 0; n < 12; n += 1) {
      const { code } = (await device.request('POST', '/auth/pairing-codes')).body;
      expect((await register(n % 2 ? one : other, { pairing_code: code })).status).toBe(201);
    }
    for (let n = 0; n < 10; n += 1)
      expectProblem(await tryCode(n % 2 ? one : other), 400, 'PAIRING_CODE_INVALID');
    for (const app of [one, other]) expectProblem(await tryCode(app), 429, 'RATE_LIMITED');
  });

  test('let right codes in that come when others have just filled the limit', async () => {
    const device = await one.newDevice();
    const codes: string[] = [];
    for (let n = 0; n < 12; n += 1)
      codes.push((await device.request('POST', '/auth/pairing-codes')).body.code as string);
    const [last, ...first] = codes;
    await Promise.all(first.map((code) => register(one, { pairing_code: code })));
    expect((await register(one, { pairing_code: last })).status).toBe(201);
  });

  test('refuse nobody for the wrong codes of others, agree on the alert, and keep no count whose time is over', async () => {
    const clock = new TestClock();
    moveDate(clock);
    const device = await one.newDevice();
    const newCode = async () => (await device.request('POST', '/auth/pairing-codes')).body.code as string;
    const right = await newCode();
    for (let n = 0; n < 201; n += 1)
      expect((await tryCode(n % 2 ? one : other, `10.0.${n}.1`)).status).toBe(400);
    for (const app of [one, other])
      expect((await getAsOperator(`${app.url}/health`)).body).toMatchObject({ pairing: { alert: true } });
    expect(await newCode()).toHaveLength(12);
    expect((await register(other, { pairing_code: right }, '192.0.2.1')).status).toBe(201);
    clock.ms += HOUR;
    await other.nest.get(RateLimits).prune();
    expect(await query(storage, 'SELECT key FROM rate_limits')).toEqual([]);
  });

  test('count each for itself while the counts cannot be stored', async () => {
    await query(storage, 'ALTER TABLE rate_limits RENAME TO away');
    for (const app of [one, other]) {
      for (let n = 0; n < 4; n += 1) expect((await register(app)).status).toBe(201);
      expectProblem(await register(app), 429, 'RATE_LIMITED');
    }
    await query(storage, 'ALTER TABLE away RENAME TO rate_limits');
    expect((await register(one)).status).toBe(201);
  });
});

describe('an address', () => {
  const app = shareApp('sqlite', { env: { MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1', TRUST_PROXY: 'true' } });

  test.each([
    ['2001:db8:1:1::1', '2001:db8:1:1:ffff:ffff:ffff:ffff'],
    ['2001:DB8:0001:2::', '2001:db8:1:2:0:0:0:1'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['192.0.2.2', '::ffff:c000:202'],
    ['192.0.2.3', '192.0.2.3:4711'],
    ['192.0.2.4:80', '192.0.2.4:81'],
    ['192.0.2.5', '[192.0.2.5]:80'],
    ['192.0.2.6', '192.000.002.006'],
    ['192.0.2.7', '[::FFFF:192.000.002.007]:443'],
    ['192.0.2.8', '::ffff:192.0.2.8%eth0'],
    ['192.0.2.9', ' 192.0.2.9:'],
    ['192.0.2.10', '"192.0.2.10:7"'],
    ['192.0.2.11', '0:0:0:0:0:FFFF:C000:020B'],
    ['2001:db8:3:1::1', '[2001:db8:3:1::2]'],
    ['2001:db8:3:2::1', '[2001:DB8:0003:0002::1]:4711'],
    ['2001:db8:3:3::1', '2001:0db8:0003:0003:0000:0000:0000:0001'],
    ['fe80:0:0:7::1%eth0', 'fe80:0:0:7::1%eth1'],
    ['[fe80:0:0:8::1%25eth0]:80', 'fe80:0:0:8::1'],
  ])('%s and %s are one client', async (first, second) => {
    expect((await register(app(), {}, first)).status).toBe(201);
    expectProblem(await register(app(), {}, second), 429, 'RATE_LIMITED');
  });

  test('of IPv6 and one of the next network are two clients', async () => {
    for (const address of ['2001:db8:2:1::1', '2001:db8:2:2::1'])
      expect((await register(app(), {}, address)).status).toBe(201);
  });

  test('that is none counts as the proxy itself, whatever it is called', async () => {
    const garbage = [
      'unknown',
      '_hidden',
      '1',
      '0x7f000001',
      '10.1',
      '300.1.1.1',
      'evil.example:80',
      '::g',
      '[::1',
      '1.2.3.4:x',
      '%',
    ];
    const statuses: number[] = [];
    for (const address of garbage) statuses.push((await register(app(), {}, address)).status);
    expect(statuses).toEqual(garbage.map((_, n) => (n === 0 ? 201 : 429)));
    // Only the last entry is the proxy's own word.
    expect((await register(app(), {}, 'unknown, 198.51.100.1')).status).toBe(201);
    expectProblem(await register(app(), {}, '198.51.100.2, unknown'), 429, 'RATE_LIMITED');
  });
});
