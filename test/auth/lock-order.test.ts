import { Database } from '../../src/foundation/database/database.js';
import { startApp, type TestApp } from '../support/app.js';
import { send } from '../support/device.js';
import { until } from '../support/exchange.js';
import { creating, game } from '../support/records.js';

/** PostgreSQL locks single rows: who waits for whom must never be a circle, and nobody waits without need. */
describe('on postgres', () => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp('postgres');
  });
  afterEach(() => app.close());

  const database = () => app.nest.get(Database);
  const join = (code: string) =>
    send('POST', `${app.url}/api/v1/auth/devices`, { body: { pairing_code: code } });
  /** Resolves when so many statements wait for a row. */
  const untilWaiting = (count: number) =>
    until(
      () =>
        database().query<{ n: number }>(
          `SELECT count(*)::int AS n FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        ),
      ([row]) => row!.n === count,
    );

  test('a device is revoked while it pushes and another joins with its code', async () => {
    const owner = await app.newDevice();
    const lost = await owner.pair();
    const { code } = (await lost.request('POST', '/auth/pairing-codes')).body as { code: string };
    const { timestamp } = (await lost.pull()).body as { timestamp: number };
    const [pushing, joining, revoking] = await database().transaction(async (tx) => {
      await tx.query('SELECT 1 FROM accounts WHERE id = $1 FOR UPDATE', [owner.accountId]);
      const push = lost.push(creating({ games: [game('g1')] }), timestamp);
      await untilWaiting(1);
      const joined = join(code);
      await untilWaiting(2);
      const revoked = owner.request('DELETE', `/auth/devices/${lost.deviceId}`);
      // It is done, or waits for the device that joins.
      await Promise.race([revoked, untilWaiting(3)]);
      return [push, joined, revoked] as const;
    });
    const statuses = [(await pushing).status, (await joining).status, (await revoking).status];
    expect(statuses[2]).toBe(204);
    expect([200, 401]).toContain(statuses[0]);
    expect([201, 400]).toContain(statuses[1]);
  });

  test('a device renews its tokens and makes a code while its push is not committed', async () => {
    const device = await app.newDevice();
    await database().transaction(async (tx) => {
      await tx.query('SELECT 1 FROM devices WHERE id = $1 FOR KEY SHARE', [device.deviceId]);
      expect((await device.refresh()).status).toBe(200);
      expect((await device.request('POST', '/auth/pairing-codes')).status).toBe(201);
    });
  });
});
