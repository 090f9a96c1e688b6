import { EventBus } from '../../src/foundation/events/event-bus.js';
import type { LockChanged, SessionTransferred } from '../../src/protocol/events.js';
import { forEachDatabase } from '../support/app.js';
import { clockOf, expectProblem, findRow, push, store } from '../support/exchange.js';
import { creating, deleting, game } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  /** Two devices of one account, both connected. */
  const family = async () => {
    const phone = await app().newDevice();
    const tablet = await phone.pair({ name: 'Tablet' });
    const sockets = { phone: await TestSocket.connect(phone), tablet: await TestSocket.connect(tablet) };
    return {
      phone,
      tablet,
      sockets,
      [Symbol.dispose]: () => Object.values(sockets).forEach((s) => s[Symbol.dispose]()),
    };
  };

  test('a push is announced to the other devices, on every connection, and not to the one that pushed', async () => {
    using home = await family();
    using second = await TestSocket.connect(home.tablet);
    using own = await TestSocket.connect(home.phone);
    const { timestamp } = await push(
      home.phone,
      creating({ games: [game('g1')] }),
      await clockOf(home.phone),
    );
    const expected = { timestamp, device_id: home.phone.deviceId };
    expect(await home.sockets.tablet.next('changes')).toEqual(expected);
    expect(await second.next('changes')).toEqual(expected);
    // The next event on the same connection proves that the announcement was not sent.
    await push(home.tablet, creating({ games: [game('g2')] }), await clockOf(home.tablet));
    for (const socket of [home.sockets.phone, own]) {
      expect(await socket.next('changes')).toMatchObject({ device_id: home.tablet.deviceId });
    }
  });

  test('it comes after the commit: whoever pulls at once finds the change', async () => {
    using home = await family();
    for (let round = 0; round < 20; round++) {
      const lastPulledAt = await clockOf(home.phone);
      const pushed = push(home.phone, creating({ games: [game(`g${round}`)] }), lastPulledAt);
      const { timestamp } = await home.sockets.tablet.next('changes');
      expect(await findRow(home.tablet, 'games', `g${round}`)).toBeDefined();
      expect((await pushed).timestamp).toBe(timestamp);
    }
  });

  test('what changes nothing is not announced: the same push again, a conflict, an unknown deletion', async () => {
    using home = await family();
    const rows = creating({ games: [game('g1')] });
    const lastPulledAt = await clockOf(home.phone);
    await push(home.phone, rows, lastPulledAt);
    await home.sockets.tablet.next('changes');
    await push(home.phone, rows, await clockOf(home.phone));
    expectProblem(
      await home.phone.push(creating({ games: [game('g1', { name: 'Other' })] }), lastPulledAt),
      409,
      'PUSH_CONFLICT',
    );
    await push(home.phone, deleting({ games: ['never-seen'] }), await clockOf(home.phone));
    const { timestamp } = await push(home.phone, deleting({ games: ['g1'] }), await clockOf(home.phone));
    expect(await home.sockets.tablet.next('changes')).toMatchObject({ timestamp });
  });

  test('another account hears nothing of it', async () => {
    using home = await family();
    using stranger = await TestSocket.connect(await app().newDevice());
    await store(home.phone, { games: [game('g1')] });
    await home.phone.pair();
    await home.sockets.tablet.next('changes');
    await home.sockets.tablet.next('device_joined');
    await stranger.ping();
    expect(stranger.pending).toEqual([]);
  });

  test('a device that joins is announced to those that are there', async () => {
    using home = await family();
    const kitchen = await home.phone.pair({ name: 'Kitchen' });
    const expected = { device_id: kitchen.deviceId, name: 'Kitchen' };
    expect(await home.sockets.phone.next('device_joined')).toEqual(expected);
    expect(await home.sockets.tablet.next('device_joined')).toEqual(expected);
  });

  test('a revoked device is told and cut off, the others hear of it', async () => {
    using home = await family();
    await home.phone.request('DELETE', `/auth/devices/${home.tablet.deviceId}`);
    expect(await home.sockets.tablet.closed()).toMatchObject({ status: 401, code: 'DEVICE_REVOKED' });
    expect(home.sockets.tablet.client.active).toBe(false);
    expect(await home.sockets.phone.next('device_revoked')).toEqual({ device_id: home.tablet.deviceId });
    expect(home.sockets.phone.client.connected).toBe(true);
  });

  test('a device that is revoked because an old refresh token came back is cut off, too', async () => {
    using home = await family();
    const old = home.tablet.refreshToken;
    await home.tablet.refresh();
    await home.tablet.refresh();
    home.tablet.refreshToken = old;
    expectProblem(await home.tablet.refresh(), 401, 'DEVICE_REVOKED');
    expect(await home.sockets.tablet.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
    expect(await home.sockets.phone.next('device_revoked')).toEqual({ device_id: home.tablet.deviceId });
  });

  test('locks and transfers of sessions reach every device of the account', async () => {
    using home = await family();
    using stranger = await TestSocket.connect(await app().newDevice());
    const bus = app().nest.get(EventBus);
    const { accountId } = home.phone;
    const document = { video_id: 'v1', database: 'layout' };
    const holder = { user_id: 'ada', device_id: 'd1', name: 'Ada’s laptop', session_id: 's1' };
    const lock: LockChanged = {
      ...document,
      lock: { lock_type: 'client', reason: null, holder, acquired_at: 4, expires_at: 5 },
    };
    const transfer: SessionTransferred = {
      ...document,
      from_session: 's1',
      to_session: 's2',
      to_device: 'd2',
    };
    bus.publish('lock.changed', { accountId, lock });
    bus.publish('session.transferred', { accountId, transfer });
    for (const socket of Object.values(home.sockets)) {
      expect(await socket.next('lock_changed')).toEqual(lock);
      expect(await socket.next('session_transferred')).toEqual(transfer);
    }
    await stranger.ping();
    expect(stranger.pending).toEqual([]);
  });
});
