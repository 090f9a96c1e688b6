import { Database } from '../../src/foundation/database/database.js';
import type { Problem } from '../../src/protocol/errors.js';
import type { TokenAccepted } from '../../src/protocol/events.js';
import { forEachDatabase } from '../support/app.js';
import { clockOf, pull, push, store } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { shareApp, TestClock } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';

const MINUTE_MS = 60_000;

/** ping and token. */
forEachDatabase((database) => {
  const clock = new TestClock();
  const app = shareApp(database, { now: clock.now });

  describe('ping', () => {
    test("is answered with its own n, the account's clock and its checkpoint", async () => {
      const device = await app().newDevice();
      using socket = await TestSocket.connect(device);
      for (const n of [7, 8]) {
        const { timestamp, checkpoint } = await pull(device);
        expect(await socket.ping(n)).toEqual({ n, timestamp, checkpoint });
        await store(device, { games: [game(`g${n}`)] });
      }
    });

    test('sees every push that was answered before it was sent', async () => {
      const device = await app().newDevice();
      const other = await device.pair();
      using socket = await TestSocket.connect(other);
      for (let n = 1; n <= 30; n++) {
        const pushed = await push(device, creating({ games: [game(`g${n}`)] }), await clockOf(device));
        expect((await socket.ping(n)).timestamp).toBe(pushed.timestamp);
      }
    });

    test('finds out that the device is gone, whether or not that was announced', async () => {
      const device = await app().newDevice();
      using socket = await TestSocket.connect(device);
      await app()
        .nest.get(Database)
        .transaction((tx) => tx.query('DELETE FROM devices WHERE id = $1', [device.deviceId]));
      const answer = await socket.ask<{ problem: Problem }>('ping', { n: 1 });
      expect(answer.problem).toMatchObject({ status: 401, code: 'DEVICE_REVOKED' });
      expect(await socket.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
    });

    test('a client that never asks is found out within a minute or so', async () => {
      const device = await app().newDevice();
      using silent = await TestSocket.connect(device);
      using other = await TestSocket.connect(await device.pair());
      await app()
        .nest.get(Database)
        .transaction((tx) => tx.query('DELETE FROM devices WHERE id = $1', [device.deviceId]));
      clock.ms += MINUTE_MS;
      expect(await silent.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
      expect((await other.ping()).n).toBe(1);
    });

    test.each([[undefined], [null], [5], [{}], [{ n: 'x' }], [{ n: 1.5 }], [[]], ['ping']])(
      'with %j is answered with BAD_REQUEST, and the connection lives on',
      async (payload) => {
        using socket = await TestSocket.connect(await app().newDevice());
        const answer = await socket.ask<{ problem: Problem }>('ping', payload);
        expect(answer.problem).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
        expect((await socket.ping(2)).n).toBe(2);
      },
    );
  });

  describe('token', () => {
    test('a socket is closed when its token expires', async () => {
      using socket = await TestSocket.connect(await app().newDevice());
      clock.ms += 15 * MINUTE_MS;
      expect(await socket.closed()).toMatchObject({ status: 401, code: 'TOKEN_EXPIRED' });
    });

    test('a fresh token over the open socket keeps it open', async () => {
      const device = await app().newDevice();
      using renewed = await TestSocket.connect(device);
      using forgotten = await TestSocket.connect(device);
      clock.ms += 10 * MINUTE_MS;
      await device.refresh();
      const answer = await renewed.ask<TokenAccepted>('token', { access_token: device.accessToken });
      expect(answer).toEqual({ token_expires_at: renewed.hello.token_expires_at! + 10 * MINUTE_MS });
      clock.ms += 10 * MINUTE_MS;
      expect(await forgotten.closed()).toMatchObject({ code: 'TOKEN_EXPIRED' });
      expect((await renewed.ping()).n).toBe(1);
      clock.ms += 5 * MINUTE_MS;
      expect(await renewed.closed()).toMatchObject({ code: 'TOKEN_EXPIRED' });
    });

    test('an older token of the device does not shorten the time', async () => {
      const device = await app().newDevice();
      const old = device.accessToken;
      clock.ms += 5 * MINUTE_MS;
      await device.refresh();
      using socket = await TestSocket.connect(device);
      const answer = await socket.ask<TokenAccepted>('token', { access_token: old });
      expect(answer.token_expires_at).toBe(socket.hello.token_expires_at);
    });

    test('the token of another device is refused, of the same account or not', async () => {
      const device = await app().newDevice();
      using socket = await TestSocket.connect(device);
      for (const other of [await device.pair(), await app().newDevice()]) {
        const answer = await socket.ask<{ problem: Problem }>('token', { access_token: other.accessToken });
        expect(answer.problem).toMatchObject({ status: 401, code: 'TOKEN_INVALID' });
      }
      expect((await socket.ping()).n).toBe(1);
    });

    test.each([
      [undefined, 'TOKEN_MISSING'],
      [{}, 'TOKEN_MISSING'],
      [{ access_token: 'abc' }, 'TOKEN_INVALID'],
      [{ access_token: [] }, 'TOKEN_INVALID'],
    ])('%j is refused with %s, and the connection lives on', async (payload, code) => {
      using socket = await TestSocket.connect(await app().newDevice());
      const answer = await socket.ask<{ problem: Problem }>('token', payload);
      expect(answer.problem.code).toBe(code);
      expect((await socket.ping()).n).toBe(1);
    });

    test('an expired one is refused', async () => {
      const device = await app().newDevice();
      const old = device.accessToken;
      clock.ms += 14 * MINUTE_MS;
      await device.refresh();
      using socket = await TestSocket.connect(device);
      clock.ms += 2 * MINUTE_MS;
      const answer = await socket.ask<{ problem: Problem }>('token', { access_token: old });
      expect(answer.problem.code).toBe('TOKEN_EXPIRED');
    });
  });
});
