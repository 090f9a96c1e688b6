import { forEachDatabase, startApp } from '../support/app.js';
import { send, TestDevice } from '../support/device.js';
import { clockOf, expectProblem, findRow, liveRows, pull, store } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { shareApp, TestClock } from '../support/shared-app.js';

interface Profile {
  device_id: string;
  name: string;
  platform: string | null;
  last_seen_at: number;
  last_pulled_at: number | null;
  is_current: boolean;
}

/** accounts.md: registering, listing, renaming and revoking devices. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const register = (body: unknown) => send('POST', `${app().url}/api/v1/auth/devices`, { body });
  const list = async (device: TestDevice) => (await device.request('GET', '/auth/devices')).body as Profile[];

  describe('POST /auth/devices', () => {
    test('without a code makes a new account and answers 201 with everything a device needs', async () => {
      const reply = await register({ name: 'Kitchen phone', platform: 'android' });
      expect(reply.status).toBe(201);
      expect(Object.keys(reply.body).sort()).toEqual([
        'access_token',
        'account_id',
        'device_id',
        'expires_at',
        'refresh_token',
      ]);
      const lifetimeMs = reply.body.expires_at - Date.now();
      expect(lifetimeMs).toBeGreaterThan(13 * 60_000);
      expect(lifetimeMs).toBeLessThanOrEqual(15 * 60_000 + 1_000);
      const other = await register({});
      expect(other.body.account_id).not.toBe(reply.body.account_id);
    });

    test('needs neither a name nor a platform', async () => {
      const device = await TestDevice.register(app().url);
      const [profile] = await list(device);
      expect(profile).toMatchObject({ device_id: device.deviceId, platform: null, is_current: true });
      expect(profile?.name).toEqual(expect.any(String));
    });

    test('takes a new device into an account that already has records', async () => {
      const device = await app().newDevice();
      await store(device, { games: [game('g1')] });
      const second = await device.pair({ name: 'Tablet' });
      expect(second.accountId).toBe(device.accountId);
      expect(second.deviceId).not.toBe(device.deviceId);
      expect((await liveRows(second)).games).toEqual([game('g1')]);
    });

    test.each([
      [5],
      [{ name: 5 }],
      [{ name: 'x'.repeat(101) }],
      [{ platform: {} }],
      [{ pairing_code: 5 }],
      [[]],
      ['text'],
    ])('refuses %j with 400', async (body) => {
      expectProblem(await register(JSON.stringify(body)), 400, 'BAD_REQUEST');
    });
  });

  describe('GET /auth/devices', () => {
    test('lists the devices of the account and marks the one that asks', async () => {
      const device = await TestDevice.register(app().url, { name: 'Kitchen phone', platform: 'android' });
      const second = await device.pair({ name: 'Tablet', platform: 'ios' });
      await app().newDevice();
      const expected = [
        { device_id: device.deviceId, name: 'Kitchen phone', platform: 'android', is_current: true },
        { device_id: second.deviceId, name: 'Tablet', platform: 'ios', is_current: false },
      ];
      const profiles = await list(device);
      expect(profiles).toHaveLength(2);
      expect(profiles).toEqual(
        expect.arrayContaining(expected.map((profile) => expect.objectContaining(profile))),
      );
      expect(Object.keys(profiles[0]!).sort()).toEqual([
        'device_id',
        'is_current',
        'last_pulled_at',
        'last_seen_at',
        'name',
        'platform',
      ]);
      const seen = await list(second);
      expect(seen.find((profile) => profile.is_current)?.device_id).toBe(second.deviceId);
    });

    test('tells when a device was last there and when it last pulled', async () => {
      const clock = new TestClock();
      await using own = await startApp(database, { now: clock.now });
      const device = await own.newDevice();
      const second = await device.pair();
      const start = clock.ms;
      expect((await list(device)).map((profile) => profile.last_pulled_at)).toEqual([null, null]);
      clock.ms += 5 * 60_000;
      await clockOf(second);
      const pulledAt = clock.ms;
      clock.ms += 5 * 60_000;
      await second.request('GET', '/sync/meta');
      const profile = (await list(device)).find(({ device_id }) => device_id === second.deviceId);
      // Written at most once a minute, so the answer may be that much older.
      expect(profile?.last_seen_at).toBeGreaterThanOrEqual(clock.ms - 60_000);
      expect(profile?.last_seen_at).toBeLessThanOrEqual(clock.ms);
      expect(profile?.last_pulled_at).toBeGreaterThanOrEqual(pulledAt - 60_000);
      expect(profile?.last_pulled_at).toBeLessThanOrEqual(pulledAt);
      expect(profile?.last_pulled_at).toBeGreaterThanOrEqual(start);
    });

    test('a push or a refused pull is no pull', async () => {
      const device = await app().newDevice();
      const second = await device.pair();
      const lastPulledAt = await clockOf(device);
      expect((await second.push(creating({ games: [game('g1')] }), lastPulledAt)).status).toBe(200);
      expect((await second.pull({ last_pulled_at: 'abc' })).status).toBe(400);
      const profile = (await list(device)).find(({ device_id }) => device_id === second.deviceId);
      expect(profile?.last_pulled_at).toBeNull();
    });

    test('last_seen_at and last_pulled_at outlive a restart', async () => {
      const clock = new TestClock();
      const first = await startApp(database, { now: clock.now });
      const device = await first.newDevice();
      clock.ms += 3_600_000;
      await device.refresh();
      await pull(device);
      await first.stop();
      await using again = await startApp(database, { now: clock.now, storage: first.storage });
      Object.assign(device, { url: again.url });
      const [profile] = await list(device);
      expect(profile).toMatchObject({ last_seen_at: clock.ms, last_pulled_at: clock.ms });
    });
  });

  describe('PATCH /auth/devices/{id}', () => {
    test("renames a device of the account, one's own or another, and answers it", async () => {
      const device = await app().newDevice();
      const second = await device.pair();
      const reply = await device.request('PATCH', `/auth/devices/${second.deviceId}`, {
        body: { name: 'Basement' },
      });
      expect(reply.status).toBe(200);
      expect(reply.body).toMatchObject({ device_id: second.deviceId, name: 'Basement', is_current: false });
      expect((await list(device)).map(({ name }) => name)).toContain('Basement');
    });

    test.each([{}, { name: '' }, { name: 5 }, { name: null }, { name: 'x'.repeat(101) }, []])(
      'refuses %j with 400',
      async (body) => {
        const device = await TestDevice.register(app().url, { name: 'Before' });
        expectProblem(
          await device.request('PATCH', `/auth/devices/${device.deviceId}`, { body }),
          400,
          'BAD_REQUEST',
        );
        expect((await list(device))[0]?.name).toBe('Before');
      },
    );

    test('of an unknown device is 404', async () => {
      const device = await app().newDevice();
      for (const id of ['none-such', '%00', '%F0%9F%8E%B2', "x'", 'x'.repeat(90)]) {
        const reply = await device.request('PATCH', `/auth/devices/${id}`, { body: { name: 'x' } });
        expectProblem(reply, 404, 'NOT_FOUND');
      }
    });
  });

  describe('DELETE /auth/devices/{id}', () => {
    test('revokes a device: its access and refresh tokens stop working at once', async () => {
      const device = await app().newDevice();
      const second = await device.pair();
      await pull(second);
      expect((await device.request('DELETE', `/auth/devices/${second.deviceId}`)).status).toBe(204);
      expectProblem(await second.pull(), 401, 'DEVICE_REVOKED');
      expectProblem(
        await second.push(creating({ games: [game('g1')] }), await clockOf(device)),
        401,
        'DEVICE_REVOKED',
      );
      expectProblem(await second.refresh(), 401, 'DEVICE_REVOKED');
      expect((await list(device)).map(({ device_id }) => device_id)).toEqual([device.deviceId]);
      expect(await findRow(device, 'games', 'g1')).toBeUndefined();
    });

    test('a device may revoke itself; the account and its records live on', async () => {
      const device = await app().newDevice();
      const second = await device.pair();
      await store(device, { games: [game('g1')] });
      expect((await device.request('DELETE', `/auth/devices/${device.deviceId}`)).status).toBe(204);
      expectProblem(await device.request('GET', '/auth/devices'), 401, 'DEVICE_REVOKED');
      expect(await findRow(second, 'games', 'g1')).toBeDefined();
    });

    test('a second time is 404', async () => {
      const device = await app().newDevice();
      const second = await device.pair();
      const path = `/auth/devices/${second.deviceId}`;
      expect((await device.request('DELETE', path)).status).toBe(204);
      expectProblem(await device.request('DELETE', path), 404, 'NOT_FOUND');
    });
  });
});
