import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { forEachDatabase } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import { clockOf, expectProblem, expectSurvived, pull, stateOf, store } from '../support/exchange.js';
import { creating, game, games } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

const LIMIT = 256 * 1024;

/** Bodies that are not a valid push: broken, oversized, disguised. */
forEachDatabase((database) => {
  const app = shareApp(database, { env: { MAX_BODY_BYTES: String(LIMIT) } });

  /** Pushes raw bytes and checks that the refusal changed nothing. */
  async function refused(
    status: number,
    code: string,
    body: string | Uint8Array,
    headers: Record<string, string> = {},
  ) {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(1) });
    const before = await stateOf(device);
    const options = { query: { last_pulled_at: lastPulledAt }, body, headers };
    expectProblem(await device.request('POST', '/sync/push', options), status, code);
    expect(await stateOf(device)).toEqual(before);
  }

  const whole = JSON.stringify(creating({ games: [game('g9')] }));

  describe('broken JSON is refused with 400', () => {
    test.each([
      ['nothing', ''],
      ['blanks', '   '],
      ['half a body', whole.slice(0, -5)],
      ['two bodies', whole + whole],
      ['a trailing comma', '{"games":{"created":[],},}'],
      ['single quotes', "{'games':{}}"],
      ['NaN', '{"games":{"created":[{"id":NaN}],"updated":[],"deleted":[]}}'],
      ['a raw control character in a text', '{"games\u0001":{}}'],
      ['a comment', '{/* */}'],
      ['a text', '"games"'],
      ['a number', '5'],
      ['null', 'null'],
      ['true', 'true'],
      ['an array', '[]'],
      ['HTML', '<html></html>'],
    ])('%s', async (_name, body) => {
      await refused(400, 'BAD_REQUEST', body);
      await refused(400, 'BAD_REQUEST', body, { 'content-type': 'text/plain' });
      await refused(400, 'BAD_REQUEST', gzipSync(body), { 'content-encoding': 'gzip' });
    });

    test('UTF-16', () => refused(400, 'BAD_REQUEST', Buffer.from(whole, 'utf16le')));
  });

  test('invalid UTF-8 is refused or repaired, never a failure', async () => {
    const device = await app().newDevice();
    const [head, tail] = whole.split('Friday');
    for (const bytes of [
      [0xff],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
      [0xe2, 0x82],
    ]) {
      const body = Buffer.concat([Buffer.from(head!), Buffer.from(bytes), Buffer.from(tail!)]);
      expectSurvived(
        await device.request('POST', '/sync/push', {
          query: { last_pulled_at: await clockOf(device) },
          body,
        }),
      );
    }
    await pull(device);
  });

  describe('gzip', () => {
    const zipped = gzipSync(whole);
    const gzip = { 'content-encoding': 'gzip' };

    test('cut short is refused with 400', async () => {
      for (const length of [0, 1, 10, 12, zipped.length - 9, zipped.length - 1]) {
        await refused(400, 'BAD_REQUEST', zipped.subarray(0, length), gzip);
      }
    });

    test('with a wrong checksum or a broken middle is refused with 400', async () => {
      for (const at of [3, Math.floor(zipped.length / 2), zipped.length - 6]) {
        const broken = Buffer.from(zipped);
        broken.writeUInt8(broken.readUInt8(at) ^ 0xff, at);
        await refused(400, 'BAD_REQUEST', broken, gzip);
      }
    });

    test('that is none is refused with 400', () => refused(400, 'BAD_REQUEST', whole, gzip));

    test('not declared is refused with 400', () => refused(400, 'BAD_REQUEST', zipped));

    test.each(['deflate', 'br', 'zstd', 'gzip, gzip', 'x', 'gzip;q=1'])(
      'as %p is refused with 415',
      (encoding) => refused(415, 'UNSUPPORTED_MEDIA_TYPE', zipped, { 'content-encoding': encoding }),
    );

    test('inside gzip is refused with 400', () => refused(400, 'BAD_REQUEST', gzipSync(zipped), gzip));

    test('bombs are cut off while inflating: 413', async () => {
      const blanks = gzipSync(Buffer.alloc(200 * LIMIT, ' '));
      expect(blanks.length).toBeLessThan(LIMIT);
      await refused(413, 'BODY_TOO_LARGE', blanks, gzip);
      const long = gzipSync(
        `{"games":{"created":[{"id":"g9","name":"${'x'.repeat(20 * LIMIT)}"}],"updated":[],"deleted":[]}}`,
      );
      await refused(413, 'BODY_TOO_LARGE', long, gzip);
    });

    test('bombs at other routes too, without a token as well', async () => {
      const body = gzipSync(Buffer.alloc(200 * LIMIT, ' '));
      for (const path of ['/auth/devices', '/auth/token']) {
        const reply = await send('POST', `${app().url}/api/v1${path}`, { body, headers: gzip });
        expect([413, 415]).toContain(reply.status);
        expectSurvived(reply);
      }
    });
  });

  test('a body of exactly the limit is taken, one byte more is refused with 413', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    const query = { last_pulled_at: lastPulledAt };
    const padded = (length: number) => whole + ' '.repeat(length - whole.length);
    expect((await device.request('POST', '/sync/push', { query, body: padded(LIMIT) })).status).toBe(200);
    await refused(413, 'BODY_TOO_LARGE', padded(LIMIT + 1));
    await refused(413, 'BODY_TOO_LARGE', gzipSync(padded(LIMIT + 1)), { 'content-encoding': 'gzip' });
  });

  test.each([
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/octet-stream',
    'application/jsonx',
    'json',
    'text/html',
    '*/*',
    'application/json, text/plain',
    '',
  ])('the content type %p is refused with 415', async (type) => {
    const device = await app().newDevice();
    const options = {
      query: { last_pulled_at: await clockOf(device) },
      body: whole,
      headers: { 'content-type': type },
    };
    const reply = await device.request('POST', '/sync/push', options);
    expectProblem(reply, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  describe('deep nesting', () => {
    const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
    const deepObject = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

    test.each([
      ['as the body', deep(100_000)],
      ['as a body of objects', deepObject(30_000)],
      ['as changes', `{"changes":${deep(100_000)},"last_pulled_at":1790000000000}`],
      ['as a table', `{"games":${deep(100_000)}}`],
      ['as a row', `{"games":{"created":[${deep(100_000)}],"updated":[],"deleted":[]}}`],
      ['as an id', `{"games":{"created":[{"id":${deep(100_000)}}],"updated":[],"deleted":[]}}`],
    ])('%s is refused with 400', (_name, body) => refused(400, 'BAD_REQUEST', body));

    test('as a value is a value of the wrong type', async () => {
      const device = await app().newDevice();
      const body = `{"games":{"created":[{"id":"g1","name":${deep(100_000)}}],"updated":[],"deleted":[]}}`;
      const query = { last_pulled_at: await clockOf(device) };
      expect((await device.request('POST', '/sync/push', { query, body })).status).toBe(200);
      expect((await pull(device)).changes.games?.updated[0]).toMatchObject({ id: 'g1', name: null });
    });

    test('at the routes with declared bodies is refused with 400', async () => {
      const device = await app().newDevice();
      for (const [method, path] of [
        ['POST', '/auth/devices'],
        ['POST', '/auth/token'],
        ['PATCH', `/auth/devices/${device.deviceId}`],
      ]) {
        for (const body of [
          deep(100_000),
          `{"name":${deep(100_000)}}`,
          `{"refresh_token":${deepObject(20_000)}}`,
        ]) {
          const reply = await device.request(method!, path!, { body });
          expectSurvived(reply);
        }
      }
    });

    test('in a migration is refused with 400', async () => {
      const device = await app().newDevice();
      expectProblem(await device.pull({ migration: deep(1_000) }), 400, 'BAD_REQUEST');
    });
  });

  test('null in place of an optional text is answered, not failed', async () => {
    const device = await app().newDevice();
    for (const body of [{ name: null }, { platform: null }, { pairing_code: null }, null]) {
      expectSurvived(await send('POST', `${app().url}/api/v1/auth/devices`, { body: JSON.stringify(body) }));
    }
    for (const body of [{ refresh_token: null }, null]) {
      const reply = await send('POST', `${app().url}/api/v1/auth/token`, { body: JSON.stringify(body) });
      expectProblem(reply, 400, 'BAD_REQUEST');
    }
    const path = `/auth/devices/${device.deviceId}`;
    expectProblem(await device.request('PATCH', path, { body: 'null' }), 400, 'BAD_REQUEST');
  });

  test('thousands of unknown tables, unknown columns and wrong ids are answered', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    const tables = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, n) => [
        `t${n}`,
        { created: [{ id: 'a' }], updated: [], deleted: [] },
      ]),
    );
    expectSurvived(await device.push(tables, lastPulledAt));
    const columns = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`column_${n}`, n]));
    expectSurvived(await device.push(creating({ games: [{ id: 'g1', ...columns }] }), lastPulledAt));
    const ids = Array.from({ length: 5_000 }, (_, n) => ({ id: `${n}/${n}` }));
    const reply = await device.push(creating({ games: ids }), lastPulledAt);
    expect(reply.body.experimentalRejectedIds.games).toHaveLength(5_000);
    expect((await pull(device)).changes.games?.updated).toHaveLength(1);
  });

  /** Sends bytes over a plain connection and returns all that comes back. */
  async function talk(bytes: string, device?: TestDevice): Promise<string> {
    const { hostname, port } = new URL(app().url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.end(bytes.replaceAll('TOKEN', device?.accessToken ?? ''));
    return text(socket);
  }

  test.each([
    [
      'a body shorter than its length',
      'POST /api/v1/sync/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 500\r\nConnection: close\r\n\r\n{"changes":',
    ],
    [
      'a broken chunk',
      'POST /api/v1/sync/push HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n{}\r\n0\r\n\r\n',
    ],
    [
      'length and chunks at once',
      'POST /api/v1/sync/push HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n',
    ],
    ['no HTTP', 'hello\r\n\r\n'],
    [
      'an endless header',
      `GET /api/v1/sync/pull HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`,
    ],
    [
      'a path that does not decode',
      'GET /api/v1/auth/devices/%E0%A4%A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    ],
    ['a path with dots', 'GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'],
  ])('%s on the wire is refused, and the server lives on', async (_name, bytes) => {
    const device = await app().newDevice();
    const answer = await talk(bytes, device);
    expect(answer === '' || /^HTTP\/1\.1 4\d\d /.test(answer)).toBe(true);
    expect((await pull(device)).changes.games?.updated).toEqual([]);
  });
});
