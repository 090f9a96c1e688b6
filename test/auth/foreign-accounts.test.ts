import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send, type Reply, type TestDevice } from '../support/device.js';
import {
  documentState,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  type Holding,
} from '../support/documents.js';
import { clockOf, expectProblem, liveRows, pull, stateOf, store } from '../support/exchange.js';
import { creating, deleting, evening, game } from '../support/records.js';

/** A stranger, and the account it must not see. */
interface Scene {
  app: TestApp;
  stranger: TestDevice;
  theirs: TestDevice;
  theirHistory: string;
  /** A link to their game. */
  theirShareId: string;
  /** A lock that they hold, on a document that they have written. */
  theirLock: Holding;
}

/** Requests to each route by a stranger who knows every id of the account; the answers must not contain its secrets. */
const routes: Record<string, (scene: Scene) => Promise<Reply[]>> = {
  'GET /health': async ({ app }) => [await send('GET', `${app.url}/health`)],
  'GET /metrics': async ({ app }) => [await send('GET', `${app.url}/metrics`)],
  'GET /health/live': async ({ app }) => [await send('GET', `${app.url}/health/live`)],
  'GET /health/ready': async ({ app }) => [await send('GET', `${app.url}/health/ready`)],

  'POST /api/v1/auth/devices': async ({ stranger, theirs }) => {
    const body = { account_id: theirs.accountId, device_id: theirs.deviceId };
    const reply = await stranger.request('POST', '/auth/devices', { body });
    expect([201, 400]).toContain(reply.status);
    return [reply];
  },

  'POST /api/v1/auth/token': async ({ stranger, theirs }) => {
    const theirIds = stranger.refreshToken
      .replace(stranger.accountId, theirs.accountId)
      .replace(stranger.deviceId, theirs.deviceId);
    const body = { refresh_token: theirIds === stranger.refreshToken ? theirs.deviceId : theirIds };
    const reply = await stranger.request('POST', '/auth/token', { body });
    expectProblem(reply, 401, 'TOKEN_INVALID');
    return [reply];
  },

  'POST /api/v1/auth/pairing-codes': async ({ stranger, theirs }) => {
    const body = { account_id: theirs.accountId };
    const reply = await stranger.request('POST', '/auth/pairing-codes', {
      body,
      query: { account_id: theirs.accountId },
    });
    const joined = await send('POST', `${stranger.url}/api/v1/auth/devices`, {
      body: { pairing_code: reply.body.code as string },
    });
    expect(joined.body.account_id).toBe(stranger.accountId);
    return [reply, joined];
  },

  'GET /api/v1/auth/devices': async ({ stranger, theirs }) => {
    const reply = await stranger.request('GET', '/auth/devices', { query: { account_id: theirs.accountId } });
    expect((reply.body as { device_id: string }[]).map(({ device_id }) => device_id)).not.toContain(
      theirs.deviceId,
    );
    return [reply];
  },

  'PATCH /api/v1/auth/devices/{id}': ({ stranger, theirs }) =>
    likeUnknown(stranger, 'PATCH', `/auth/devices/${theirs.deviceId}`, '/auth/devices/none-such', {
      name: 'Mine now',
    }),

  'DELETE /api/v1/auth/devices/{id}': ({ stranger, theirs }) =>
    likeUnknown(stranger, 'DELETE', `/auth/devices/${theirs.deviceId}`, '/auth/devices/none-such'),

  'POST /api/v1/games/{id}/shares': ({ stranger }) =>
    likeUnknown(stranger, 'POST', '/games/their-game/shares', '/games/none-such/shares'),

  'GET /api/v1/games/{id}/shares': ({ stranger }) =>
    likeUnknown(stranger, 'GET', '/games/their-game/shares', '/games/none-such/shares'),

  'DELETE /api/v1/shares/{id}': ({ stranger, theirShareId }) =>
    likeUnknown(stranger, 'DELETE', `/shares/${theirShareId}`, '/shares/none-such'),

  'GET /api/v1/documents': async ({ stranger }) => {
    const reply = await stranger.request('GET', '/documents');
    expect(reply.body.documents).toEqual([]);
    return [reply];
  },

  'GET /api/v1/videos/{id}/database/{db}/state': async ({ stranger }) => {
    const state = await documentState(stranger, 'their-video');
    expect(state).toEqual({ ...(await documentState(stranger, 'none-such')), video_id: 'their-video' });
    return [await stranger.request('GET', `${pathOf('their-video')}/state`)];
  },

  'GET /api/v1/videos/{id}/database/{db}/versions': ({ stranger }) =>
    likeUnknown(stranger, 'GET', `${pathOf('their-video')}/versions`, `${pathOf('none-such')}/versions`),

  'GET /api/v1/videos/{id}/database/{db}/download-url': ({ stranger }) =>
    likeUnknown(
      stranger,
      'GET',
      `${pathOf('their-video')}/download-url`,
      `${pathOf('none-such')}/download-url`,
    ),

  'POST /api/v1/videos/{id}/database/{db}/lock': async ({ stranger }) => {
    const reply = await lock(stranger, 'their-video', { session_id: 'their-session', take_over: true });
    expect(reply.body).toMatchObject({ granted: true, epoch: 0, needs_download: false });
    return [reply];
  },

  'DELETE /api/v1/videos/{id}/database/{db}/lock': async ({ stranger }) => {
    const query = { session_id: 'their-session' };
    const reply = await stranger.request('DELETE', `${pathOf('their-video')}/lock`, { query });
    expect(reply.status).toBe(204);
    return [reply];
  },

  'PUT /api/v1/videos/{id}/database/{db}/content': async ({ stranger, theirLock }) => {
    const reply = await putContent({ ...theirLock, device: stranger }, '1-1', packedLayout(['mine now']));
    expectProblem(reply, 423, 'LOCK_REQUIRED');
    return [reply];
  },

  'GET /api/v1/storage/object': async ({ theirs }) => [await withoutSignature(theirs, 'GET')],

  'HEAD /api/v1/storage/object': async ({ theirs }) => [await withoutSignature(theirs, 'HEAD')],

  'GET /api/v1/sync/pull': async ({ stranger, theirs, theirHistory }) => {
    const foreign = await stranger.pull({ history_id: theirHistory });
    expectProblem(foreign, 409, 'HISTORY_CHANGED');
    const plain = await stranger.pull({ account_id: theirs.accountId, device_id: theirs.deviceId });
    expect((plain.body.changes.games.updated as unknown[]).length).toBe(0);
    return [foreign, plain];
  },

  'POST /api/v1/sync/push': async ({ stranger, theirs, theirHistory }) => {
    const lastPulledAt = await clockOf(stranger);
    const foreign = await stranger.push(creating({ games: [game('x')] }), lastPulledAt, {
      history_id: theirHistory,
    });
    expectProblem(foreign, 409, 'HISTORY_CHANGED');
    const rows = creating({
      games: [{ ...game('their-game', { name: 'Mine' }), account_id: theirs.accountId }],
    });
    const created = await stranger.push(rows, lastPulledAt, { account_id: theirs.accountId });
    expect(created.body).toEqual({
      ok: true,
      timestamp: expect.any(Number),
      checkpoint: expect.any(String),
      adjusted: [{ table: 'games', id: 'their-game', column: 'account_id', reason: 'COLUMN_UNKNOWN' }],
    });
    const ids = { games: ['their-game'], scores: ['their-score-ada'] };
    const deleted = await stranger.push(deleting(ids), await clockOf(stranger), {
      account_id: theirs.accountId,
    });
    expect(deleted.status).toBe(200);
    return [foreign, created, deleted];
  },

  'GET /api/v1/sync/meta': async ({ stranger, theirs }) => [
    await stranger.request('GET', '/sync/meta', { query: { account_id: theirs.accountId } }),
  ],

  'GET /api/v1/sync/status': async ({ stranger, theirs }) => {
    const query = { last_pulled_at: await clockOf(stranger), account_id: theirs.accountId };
    const reply = await stranger.request('GET', '/sync/status', { query });
    expect(reply.body).toMatchObject({ up_to_date: true, timestamp: query.last_pulled_at });
    return [reply];
  },
};

/** The routes that need no token. */
const open = [
  'GET /health',
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  'GET /api/v1/storage/object',
  'HEAD /api/v1/storage/object',
  'POST /api/v1/auth/devices',
  'POST /api/v1/auth/token',
];

/** Requests an object of another account: the answer must be the same as for one that does not exist. */
async function likeUnknown(
  stranger: TestDevice,
  method: string,
  path: string,
  unknownPath: string,
  body?: unknown,
): Promise<Reply[]> {
  const reply = await stranger.request(method, path, { body });
  const unknown = await stranger.request(method, unknownPath, { body });
  expectProblem(reply, 404, 'NOT_FOUND');
  const { request_id: _first, ...told } = reply.body;
  const { request_id: _second, ...toldOfUnknown } = unknown.body;
  expect(told).toEqual(toldOfUnknown);
  return [reply];
}

/** Requests an object by another account's link without its valid signature. */
async function withoutSignature(theirs: TestDevice, method: string): Promise<Reply> {
  const { body } = await theirs.request('GET', `${pathOf('their-video')}/download-url`);
  const address = new URL((body as { url: string }).url);
  address.searchParams.set('signature', 'x'.repeat(43));
  const reply = await send(method, address.href);
  expect(reply.status).toBe(403);
  return reply;
}

/** Every route of the OpenAPI document as "METHOD /path". */
async function documentedRoutes(app: TestApp): Promise<string[]> {
  const { paths, servers } = (await send('GET', `${app.url}/openapi.json`)).body as {
    paths: Record<string, Record<string, unknown>>;
    servers?: { url: string }[];
  };
  const base = new URL(servers?.[0]?.url ?? '/', app.url).pathname.replace(/\/$/, '');
  const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations)
      .filter((key) => methods.includes(key))
      .map((method) => `${method.toUpperCase()} ${base}${path}`),
  );
}

/** accounts.md: "Every route is checked with a foreign account's token." */
forEachDatabase((database) => {
  let scene: Scene;
  beforeAll(async () => {
    const app = await startApp(database);
    const theirs = await app.newDevice();
    await store(theirs, evening('their'));
    const { history_id } = await pull(theirs);
    const { share_id } = (await theirs.request('POST', '/games/their-game/shares')).body as Record<
      string,
      string
    >;
    const stranger = await app.newDevice();
    const theirLock = await hold(theirs, 'their-video', { session_id: 'their-session' });
    await putContent(theirLock, '0-0', packedLayout(['theirs']));
    scene = { app, theirs, theirHistory: history_id, theirShareId: share_id!, theirLock, stranger };
  });
  afterAll(() => scene.app.close());

  test('every route of the OpenAPI document is in the table of this test, and no other', async () => {
    expect((await documentedRoutes(scene.app)).sort()).toEqual(Object.keys(routes).sort());
  });

  test.each(Object.keys(routes))('%s shows and does nothing of another account', async (route) => {
    const { theirs, theirHistory, theirShareId } = scene;
    const devicesOf = async () =>
      (await theirs.request('GET', '/auth/devices')).body as { device_id: string; name: string }[];
    const sharesOf = async () => (await theirs.request('GET', '/games/their-game/shares')).body as unknown;
    const theirDocument = async () => {
      const { exists, epoch, server_version, lock: held } = await documentState(theirs, 'their-video');
      return { exists, epoch, server_version, holder: held?.holder.session_id };
    };
    const before = {
      state: await stateOf(theirs),
      devices: (await devicesOf()).map(({ device_id, name }) => [device_id, name]),
      shares: await sharesOf(),
      document: await theirDocument(),
    };
    const replies = await routes[route]!(scene);
    for (const reply of replies) {
      expect(reply.status).toBeLessThan(500);
      const text = JSON.stringify(reply.body ?? '') + JSON.stringify([...reply.headers]);
      for (const secret of [theirs.accountId, theirs.deviceId, theirHistory, theirShareId, 'their-ada'])
        expect(text).not.toContain(secret);
    }
    const after = {
      state: await stateOf(theirs),
      devices: (await devicesOf()).map(({ device_id, name }) => [device_id, name]),
      shares: await sharesOf(),
      document: await theirDocument(),
    };
    expect(after).toEqual(before);
    expect((await liveRows(theirs)).scores).toHaveLength(2);
  });

  test.each(Object.keys(routes).filter((route) => !open.includes(route)))(
    '%s needs a token',
    async (route) => {
      const [method, path] = route.replace('{id}', scene.theirs.deviceId).split(' ') as [string, string];
      expectProblem(await send(method, scene.app.url + path), 401, 'TOKEN_MISSING');
      const headers = { authorization: 'Bearer abc.def.ghi' };
      expectProblem(await send(method, scene.app.url + path, { headers }), 401, 'TOKEN_INVALID');
    },
  );

  test.each(Object.keys(routes).filter((route) => !open.includes(route)))(
    '%s refuses a revoked device',
    async (route) => {
      const device = await scene.app.newDevice();
      await device.request('DELETE', `/auth/devices/${device.deviceId}`);
      const [method, path] = route.replace('{id}', device.deviceId).split(' ') as [string, string];
      expectProblem(await device.request(method, path.replace('/api/v1', '')), 401, 'DEVICE_REVOKED');
    },
  );
});
