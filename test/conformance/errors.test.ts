import { forEachDatabase } from '../support/app.js';
import { send } from '../support/device.js';
import { clockOf, expectProblem, pull } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { options } from '../../src/foundation/config/options.js';
import { errors } from '../../src/protocol/errors.js';

/** records.md, "Errors". Health and load are in operations/, limits of registration in auth/. */
forEachDatabase((database) => {
  const app = shareApp(database, { env: { MAX_BODY_BYTES: '20000' } });

  test('400: a malformed request', async () => {
    const device = await app().newDevice();
    expectProblem(await device.pull({ last_pulled_at: 'abc' }), 400, 'BAD_REQUEST');
    expectProblem(await device.request('POST', '/sync/push', { body: '{"changes":' }), 400, 'BAD_REQUEST');
  });

  test('401: no token, another scheme, a broken token', async () => {
    const { url } = app();
    for (const path of ['/sync/pull', '/sync/meta', '/auth/devices']) {
      const address = `${url}/api/v1${path}`;
      expectProblem(await send('GET', address), 401, 'TOKEN_MISSING');
      expectProblem(
        await send('GET', address, { headers: { authorization: 'Basic abc' } }),
        401,
        'TOKEN_MISSING',
      );
      expectProblem(
        await send('GET', address, { headers: { authorization: 'Bearer abc' } }),
        401,
        'TOKEN_INVALID',
      );
    }
  });

  test('404: an unknown path, an unknown method of a known path, an unknown device', async () => {
    const device = await app().newDevice();
    expectProblem(await device.request('GET', '/sync/nothing'), 404, 'NOT_FOUND');
    expectProblem(await device.request('DELETE', '/sync/pull'), 404, 'NOT_FOUND');
    expectProblem(await send('GET', `${app().url}/nothing`), 404, 'NOT_FOUND');
    expectProblem(await device.request('DELETE', '/auth/devices/none-such'), 404, 'NOT_FOUND');
  });

  test('409: another history, with nothing but the code to tell them apart by', async () => {
    const device = await app().newDevice();
    expectProblem(await device.pull({ last_pulled_at: (await clockOf(device)) + 1 }), 409, 'HISTORY_CHANGED');
    expectProblem(await device.pull({ schema_version: 99 }), 409, 'SCHEMA_AHEAD');
  });

  test('413: a body over the limit, announced or found while reading', async () => {
    const device = await app().newDevice();
    const body = {
      changes: creating({ games: [game('g1', { name: 'x'.repeat(30_000) })] }),
      last_pulled_at: 1,
    };
    expectProblem(await device.request('POST', '/sync/push', { body }), 413, 'BODY_TOO_LARGE');
    expect((await pull(device)).changes.games?.updated).toEqual([]);
    expect(options.MAX_BODY_BYTES.default).toBe(32 * 1024 * 1024);
  });

  test('415: a body that is not JSON by its type or encoding', async () => {
    const device = await app().newDevice();
    const body = JSON.stringify({ changes: {}, last_pulled_at: await clockOf(device) });
    for (const type of [
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'image/png',
    ]) {
      const reply = await device.request('POST', '/sync/push', { headers: { 'content-type': type }, body });
      expectProblem(reply, 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
    const reply = await device.request('POST', '/sync/push', { headers: { 'content-encoding': 'br' }, body });
    expectProblem(reply, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test('title, status and hint of a problem are those declared for its code', async () => {
    const device = await app().newDevice();
    const { body } = await device.pull({ last_pulled_at: -5 });
    expect(body).toMatchObject({ ...errors.BAD_REQUEST, code: 'BAD_REQUEST' });
    expect(body.detail).toMatch(/last_pulled_at/);
  });

  test('the detail of a problem never repeats a token', async () => {
    const device = await app().newDevice();
    const reply = await device.request(
      'GET',
      `/sync/pull?last_pulled_at=x&access_token=${device.accessToken}`,
    );
    expect(reply.status).toBe(400);
    expect(JSON.stringify(reply.body)).not.toContain(device.accessToken);
  });
});
