import { declareSchema } from '../../src/protocol/schema.js';
import { text } from '../../src/protocol/columns.js';
import { Database } from '../../src/foundation/database/database.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { send, type TestDevice } from '../support/device.js';
import { clockOf, expectProblem, push, store } from '../support/exchange.js';
import { deleting, evening, game } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** The routes of links to games. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const share = (device: TestDevice, gameId: string, headers = {}) =>
    device.request('POST', `/games/${gameId}/shares`, { headers });
  const list = async (device: TestDevice, gameId: string) =>
    (await device.request('GET', `/games/${gameId}/shares`)).body as { share_id: string }[];

  test('a link leads to the origin the request came to, with the token in the fragment', async () => {
    const device = await app().newDevice();
    await store(device, evening('e'));
    const reply = await share(device, 'e-game');
    expect(reply.status).toBe(201);
    expect(reply.body).toEqual({
      share_id: expect.any(String),
      url: expect.any(String),
      created_at: expect.any(Number),
    });
    const { origin, pathname, search, hash } = new URL(reply.body.url as string);
    expect({ origin, pathname, search }).toEqual({ origin: app().url, pathname: '/', search: '' });
    expect(hash).toMatch(/^#\/watch\/[\w-]{43}$/);
  });

  test('behind a proxy that is trusted it leads to the address people use, else not', async () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'sync.example.org' };
    await using proxied = await startApp(database, { env: { TRUST_PROXY: 'true' } });
    for (const [server, origin] of [
      [proxied, 'https://sync.example.org'],
      [app(), app().url],
    ] as const) {
      const device = await server.newDevice();
      await store(device, { games: [game('g1')] });
      expect(new URL((await share(device, 'g1', headers)).body.url as string).origin).toBe(origin);
    }
  });

  test('behind a proxy a link has an origin of the web, or there is none', async () => {
    await using proxied = await startApp(database, { env: { TRUST_PROXY: 'true' } });
    const device = await proxied.newDevice();
    await store(device, { games: [game('g1')] });
    const through = (proto: string, host = 'sync.example.org') =>
      share(device, 'g1', { 'x-forwarded-proto': proto, 'x-forwarded-host': host });
    for (const proto of ['javascript', 'https:', 'ftp', 'data', 'https, javascript', 'file', 'httpss', ' ,'])
      expectProblem(await through(proto), 400, 'BAD_REQUEST');
    for (const host of [
      'evil/x',
      'a@b',
      'a b',
      'a..b',
      '.',
      'a:b',
      'a:99999',
      '[::1',
      'a?b',
      'a#b',
      'a\\b',
      '::1',
    ])
      expectProblem(await through('https', host), 400, 'BAD_REQUEST');
    for (const [proto, host, origin] of [
      ['HTTPS', 'Sync.Example.org:443', 'https://sync.example.org'],
      ['javascript, http', 'evil.example, sync.example.org', 'http://sync.example.org'],
      ['https', '[2001:db8::1]:8443', 'https://[2001:db8::1]:8443'],
    ] as const)
      expect(new URL((await through(proto, host)).body.url as string).origin).toBe(origin);
  });

  test('the token is told once and stored hashed', async () => {
    const device = await app().newDevice();
    await store(device, { games: [game('g1')] });
    const { url, ...profile } = (await share(device, 'g1')).body as { url: string };
    const token = url.split('/').at(-1)!;
    expect(await list(device, 'g1')).toEqual([profile]);
    const stored = await app().nest.get(Database).query('SELECT * FROM shares');
    expect(stored.length).toBeGreaterThan(0);
    expect(JSON.stringify(stored)).not.toContain(token);
  });

  test('a game has the links that were made and not withdrawn, whichever device did it', async () => {
    const device = await app().newDevice();
    const second = await device.pair();
    await store(device, { games: [game('g1'), game('g2')] });
    const first = (await share(device, 'g1')).body as { share_id: string };
    const other = (await share(second, 'g1')).body as { share_id: string };
    await share(device, 'g2');
    expect((await list(device, 'g1')).map(({ share_id }) => share_id).sort()).toEqual(
      [first.share_id, other.share_id].sort(),
    );
    expect((await second.request('DELETE', `/shares/${first.share_id}`)).status).toBe(204);
    expect((await list(device, 'g1')).map(({ share_id }) => share_id)).toEqual([other.share_id]);
    expectProblem(await device.request('DELETE', `/shares/${first.share_id}`), 404, 'NOT_FOUND');
  });

  test.each(['none-such', "x'", '%00', 'x'.repeat(90)])(
    'there is nothing to share in the game %j',
    async (id) => {
      const device = await app().newDevice();
      expectProblem(await share(device, id), 404, 'NOT_FOUND');
      expectProblem(await device.request('GET', `/games/${id}/shares`), 404, 'NOT_FOUND');
      expectProblem(await device.request('DELETE', `/shares/${id}`), 404, 'NOT_FOUND');
    },
  );

  test('a deleted game cannot be shared', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    await push(device, deleting({ games: ['g1'] }), lastPulledAt);
    expectProblem(await share(device, 'g1'), 404, 'NOT_FOUND');
  });

  test("another account's game and link are unknown", async () => {
    const device = await app().newDevice();
    const stranger = await app().newDevice();
    await store(device, { games: [game('g1')] });
    const { share_id } = (await share(device, 'g1')).body as { share_id: string };
    expectProblem(await share(stranger, 'g1'), 404, 'NOT_FOUND');
    expectProblem(await stranger.request('GET', '/games/g1/shares'), 404, 'NOT_FOUND');
    expectProblem(await stranger.request('DELETE', `/shares/${share_id}`), 404, 'NOT_FOUND');
    expect(await list(device, 'g1')).toHaveLength(1);
  });

  test('a game has at most 50 links, also when they are made at once', async () => {
    const device = await app().newDevice();
    await store(device, { games: [game('g1'), game('g2')] });
    const replies = await Promise.all(Array.from({ length: 60 }, () => share(device, 'g1')));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(50);
    for (const reply of replies.filter(({ status }) => status !== 201)) {
      expectProblem(reply, 403, 'QUOTA_EXCEEDED');
    }
    expect((await share(device, 'g2')).status).toBe(201);
  });

  test('an account has at most 1,000 links, of which those to deleted games make room', async () => {
    const device = await app().newDevice();
    await store(device, { games: [game('g1'), game('g2')] });
    await share(device, 'g2');
    const fill = (gameId: string) =>
      app()
        .nest.get(Database)
        .transaction(async (tx) => {
          for (let n = 1; n < 1_000; n++) {
            await tx.query(
              `INSERT INTO shares (account_id, id, game_id, token_hash, created_at, created_by)
               VALUES ($1, $2, $3, $4, 1, $5)`,
              [device.accountId, `s${n}`, gameId, `${device.accountId}-${n}`, device.deviceId],
            );
          }
        });
    await fill('g1');
    expectProblem(await share(device, 'g2'), 403, 'QUOTA_EXCEEDED');
    await push(device, deleting({ games: ['g1'] }), await clockOf(device));
    expect((await share(device, 'g2')).status).toBe(201);
    expect(await list(device, 'g2')).toHaveLength(2);
  });

  test('needs a token', async () => {
    for (const [method, path] of [
      ['POST', '/games/g1/shares'],
      ['GET', '/games/g1/shares'],
      ['DELETE', '/shares/s1'],
    ] as const) {
      expectProblem(await send(method, `${app().url}/api/v1${path}`), 401, 'TOKEN_MISSING');
    }
  });

  test('a server with other records than games has nothing to share', async () => {
    const notes = declareSchema({ notes: { since: 1, columns: { title: text() } } });
    await using own = await startApp(database, { schema: notes });
    const device = await own.newDevice();
    expect(await clockOf(device)).toBeGreaterThan(0);
    expectProblem(await share(device, 'g1'), 404, 'NOT_FOUND');
  });
});
