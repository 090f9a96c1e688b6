import { schema } from '../../src/protocol/tables.js';
import { PROTOCOL_VERSION } from '../../src/protocol/version.js';
import { forEachDatabase, startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, pull } from '../support/exchange.js';
import { shareApp, TestClock } from '../support/shared-app.js';
import { deviceAuth, TestSocket } from '../support/socket.js';

forEachDatabase((database) => {
  const app = shareApp(database, { env: { CORS_ORIGINS: 'https://app.example.org' } });

  const refusal = async (device: TestDevice, auth: Record<string, unknown>, options = {}) => {
    using socket = new TestSocket(device.url, { ...deviceAuth(device), ...auth }, options);
    const problem = await socket.refusal();
    expect(problem).toMatchObject({
      type: expect.stringMatching(/^urn:tidemark:problem:/),
      title: expect.any(String),
      detail: expect.any(String),
      hint: expect.any(String),
      request_id: expect.any(String),
    });
    // The same handshake would be refused again, so the client library leaves reconnecting to the app.
    expect(socket.client.active).toBe(false);
    return { status: problem.status, code: problem.code };
  };

  test('hello is the first event and says what a client has to know', async () => {
    const device = await app().newDevice();
    const { history_id, timestamp } = await pull(device);
    using socket = new TestSocket(device.url, deviceAuth(device));
    const hello = await socket.next('hello');
    expect(hello).toEqual({
      history_id,
      schema_version: schema.version,
      protocol_version: PROTOCOL_VERSION,
      timestamp,
      token_expires_at: expect.any(Number),
    });
    const lifetimeMs = hello.token_expires_at! - Date.now();
    expect(lifetimeMs).toBeGreaterThan(13 * 60_000);
    expect(lifetimeMs).toBeLessThanOrEqual(15 * 60_000 + 1_000);
  });

  test('a device that knows its history is let in, one without a history yet, too', async () => {
    const device = await app().newDevice();
    const { history_id, checkpoint } = await pull(device);
    using known = await TestSocket.connect(device, { history_id, checkpoint });
    using absent = await TestSocket.connect(device, { history_id: undefined, checkpoint: null });
    expect([known.hello.history_id, absent.hello.history_id]).toEqual([history_id, history_id]);
  });

  test.each([
    [{ access_token: 'abc.def.ghi' }, 401, 'TOKEN_INVALID'],
    [{ access_token: 5 }, 401, 'TOKEN_INVALID'],
    [{ access_token: { toString: 'x' } }, 401, 'TOKEN_INVALID'],
    [{ protocol_version: PROTOCOL_VERSION + 1 }, 409, 'PROTOCOL_MISMATCH'],
    [{ protocol_version: null }, 400, 'BAD_REQUEST'],
    [{ protocol_version: '1' }, 400, 'BAD_REQUEST'],
    [{ schema_version: schema.version + 1 }, 409, 'SCHEMA_AHEAD'],
    [{ schema_version: -1 }, 400, 'BAD_REQUEST'],
    [{ history_id: 'another' }, 409, 'HISTORY_CHANGED'],
    [{ history_id: 5 }, 400, 'BAD_REQUEST'],
    [{ checkpoint: 1_790_000_000_000 }, 400, 'BAD_REQUEST'],
    [{ checkpoint: {} }, 400, 'BAD_REQUEST'],
    [{ checkpoint: '1790000000000' }, 400, 'BAD_REQUEST'],
    [{ checkpoint: '9007199254740991-00000000' }, 409, 'HISTORY_CHANGED'],
    [{ checkpoint: '1-00000000' }, 409, 'HISTORY_CHANGED'],
    [{ share_token: 'x'.repeat(43) }, 404, 'SHARE_WITHDRAWN'],
    [{ share_token: {} }, 404, 'SHARE_WITHDRAWN'],
  ])('%j is refused with %i %s', async (auth, status, code) => {
    expect(await refusal(await app().newDevice(), auth)).toEqual({ status, code });
  });

  test('a handshake without a token, or without anything, is refused', async () => {
    const auth = { access_token: undefined };
    expect(await refusal(await app().newDevice(), auth)).toEqual({ status: 401, code: 'TOKEN_MISSING' });
    using socket = new TestSocket(app().url, {});
    expect(await socket.refusal()).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('a revoked device is refused', async () => {
    const device = await app().newDevice();
    const second = await device.pair();
    await device.request('DELETE', `/auth/devices/${second.deviceId}`);
    expect(await refusal(second, {})).toEqual({ status: 401, code: 'DEVICE_REVOKED' });
  });

  test('an expired token is refused', async () => {
    const clock = new TestClock();
    await using own = await startApp(database, { now: clock.now });
    const device = await own.newDevice();
    clock.ms += 906_000;
    expect(await refusal(device, {})).toEqual({ status: 401, code: 'TOKEN_EXPIRED' });
  });

  test("another account's token with this account's history is refused", async () => {
    const device = await app().newDevice();
    const { history_id } = await pull(device);
    const other = await app().newDevice();
    expect(await refusal(other, { history_id })).toEqual({ status: 409, code: 'HISTORY_CHANGED' });
  });

  test.each(['https://evil.example.org', 'null', 'http://127.0.0.1:1', 'file://', 'nonsense'])(
    'a page of the origin %s is refused',
    async (origin) => {
      const device = await app().newDevice();
      const answer = await refusal(device, {}, { extraHeaders: { origin } });
      expect(answer).toEqual({ status: 403, code: 'ORIGIN_REFUSED' });
    },
  );

  test("the server's own pages and those of CORS_ORIGINS may connect", async () => {
    const device = await app().newDevice();
    for (const origin of [device.url, 'https://app.example.org']) {
      using socket = await TestSocket.connect(device, {}, { extraHeaders: { origin } });
      expect(socket.hello.timestamp).toBe(await clockOf(device));
    }
  });

  test('behind a proxy, the host that it was asked for counts', async () => {
    const headers = { origin: 'https://sync.example.org', 'x-forwarded-host': 'sync.example.org' };
    const stranger = await app().newDevice();
    const answer = await refusal(stranger, {}, { extraHeaders: headers });
    expect(answer).toEqual({ status: 403, code: 'ORIGIN_REFUSED' });
    await using proxied = await startApp(database, { env: { TRUST_PROXY: 'true' } });
    using socket = await TestSocket.connect(await proxied.newDevice(), {}, { extraHeaders: headers });
    expect(socket.hello.schema_version).toBe(schema.version);
  });

  test('only WebSocket is spoken, so that requests need not find the same process again', async () => {
    const device = await app().newDevice();
    using socket = new TestSocket(device.url, deviceAuth(device), { transports: ['polling'] });
    const error = await new Promise<Error>((resolve) => socket.client.once('connect_error', resolve));
    expect(error.message).toMatch(/poll/);
  });
});
