import { forEachDatabase } from '../support/app.js';
import { send } from '../support/device.js';
import {
  clockOf,
  expectProblem,
  expectSurvived,
  findRow,
  liveRows,
  pull,
  push,
  stateOf,
  store,
} from '../support/exchange.js';
import { creating, deleting, game, games, player, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

const PROTOTYPE_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  '__defineGetter__',
];
const INJECTIONS = [
  "'; DROP TABLE games; --",
  '"; DELETE FROM accounts; --',
  "' OR '1'='1",
  '$1',
  '?1',
  ':id',
  '%',
  '_',
  '\\',
  '${7*7}',
  '{{7*7}}',
  "1); ATTACH DATABASE 'x' AS y; --",
  "E'\\\\x27'",
  '<script>alert(1)</script>',
  '../../etc/passwd',
  '\r\nSet-Cookie: a=b',
];

/** Names and values that are built to be mistaken for something else. */
forEachDatabase((database) => {
  const app = shareApp(database);

  /** Pushes a body written by hand: a JavaScript object would lose some of its keys. */
  const pushText = async (
    device: Awaited<ReturnType<ReturnType<typeof app>['newDevice']>>,
    changes: string,
  ) =>
    device.request('POST', '/sync/push', {
      body: `{"changes":${changes},"last_pulled_at":${await clockOf(device)}}`,
    });

  test.each(PROTOTYPE_KEYS)(
    'the prototype key %p as table, column, row, list and value changes nothing of the server',
    async (key) => {
      const device = await app().newDevice();
      const quoted = JSON.stringify(key);
      const bodies = [
        `{${quoted}:{"created":[{"id":"p1","isAdmin":true}],"updated":[],"deleted":[]}}`,
        `{${quoted}:{"polluted":true}}`,
        `{"games":{"created":[{"id":"g1",${quoted}:{"polluted":true}}],"updated":[],"deleted":[]}}`,
        `{"games":{"created":[],"updated":[],"deleted":[],${quoted}:{"polluted":true}}}`,
        `{"games":{"created":[{"id":"g2","name":${quoted}}],"updated":[],"deleted":[${quoted}]}}`,
        `{"games":{"created":[{${quoted}:"g3"}],"updated":[],"deleted":[]}}`,
      ];
      for (const body of bodies) expectSurvived(await pushText(device, body));
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
      expect((await liveRows(device)).games?.map((row) => [row.id, row.name])).toEqual([
        ['g1', null],
        ['g2', key],
      ]);
    },
  );

  test.each(PROTOTYPE_KEYS)(
    'the prototype key %p is an id like any other, of rows and owners',
    async (key) => {
      const device = await app().newDevice();
      const lastPulledAt = await store(device, { games: [game(key)], game_players: [player('p1', key)] });
      expect(await findRow(device, 'games', key)).toEqual(game(key));
      await push(device, deleting({ games: [key] }), lastPulledAt);
      expect((await pull(device, lastPulledAt)).changes.game_players?.deleted).toEqual(['p1']);
    },
  );

  test.each(PROTOTYPE_KEYS)('the prototype key %p around the changes is ignored', async (key) => {
    const device = await app().newDevice();
    const body = `{${JSON.stringify(key)}:{"last_pulled_at":1},"changes":{},"last_pulled_at":${await clockOf(device)}}`;
    expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
    const bare = `{${JSON.stringify(key)}:{"created":[],"updated":[],"deleted":[]}}`;
    const query = { last_pulled_at: await clockOf(device) };
    expect((await device.request('POST', '/sync/push', { body: bare, query })).status).toBe(200);
  });

  test.each(PROTOTYPE_KEYS)(
    'the prototype key %p in a query and in the bodies of auth changes nothing',
    async (key) => {
      const device = await app().newDevice();
      expectSurvived(
        await device.request('GET', `/sync/pull?${key}=1&${key}[polluted]=1&migration[${key}]=1`),
      );
      const body = `{${JSON.stringify(key)}:{"name":"x","polluted":true}}`;
      for (const path of ['/auth/devices', '/auth/token']) {
        expectSurvived(await send('POST', `${app().url}/api/v1${path}`, { body }));
      }
      expectProblem(
        await device.request('PATCH', `/auth/devices/${device.deviceId}`, { body }),
        400,
        'BAD_REQUEST',
      );
      expectProblem(await device.request('DELETE', `/auth/devices/${key}`), 404, 'NOT_FOUND');
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  test.each(INJECTIONS)('the text %p stays a text wherever it is sent', async (text) => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    await store(other, { games: games(1) });
    const before = await stateOf(other);
    await store(device, {
      games: [game('g1', { name: text, winner_id: text })],
      game_players: [player('p1', text)],
    });
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1', { name: text, winner_id: text }));
    expect(await findRow(device, 'game_players', 'p1')).toEqual(player('p1', text));
    await push(
      device,
      { ...creating({ [text]: [{ id: text }] }), ...deleting({ rounds: [text] }) },
      await clockOf(device),
    );
    await push(device, updating({ games: [{ id: 'g1', [text]: text }] }), await clockOf(device));
    expectSurvived(
      await device.pull({ history_id: text, migration: text, last_pulled_at: text, [text]: text }),
    );
    const migration = JSON.stringify({
      from: 1,
      tables: [text],
      columns: [{ table: text, columns: [text] }],
    });
    expect((await device.pull({ last_pulled_at: await clockOf(device), migration })).status).toBe(200);
    expectSurvived(await device.request('GET', `/auth/devices/${encodeURIComponent(text)}`));
    const joined = await device.pair({ name: text, platform: text });
    const listed = (await joined.request('GET', '/auth/devices')).body as {
      name: string;
      is_current: boolean;
    }[];
    expect(listed.find((one) => one.is_current)?.name).toBe(text.trim());
    expect(await stateOf(other)).toEqual(before);
  });

  test('NUL and lone surrogates are harmless wherever a text is taken', async () => {
    const device = await app().newDevice();
    for (const odd of ['\u0000', 'a\u0000b', '\ud800', 'x\udfff', '\u0000\ud800']) {
      const joined = await device.pair({ name: `n${odd}`, platform: `p${odd}` });
      expect((await joined.request('GET', '/auth/devices')).status).toBe(200);
      expectSurvived(
        await device.request('PATCH', `/auth/devices/${device.deviceId}`, { body: { name: odd } }),
      );
      expectSurvived(
        await send('POST', `${app().url}/api/v1/auth/devices`, { body: { pairing_code: `AB${odd}` } }),
      );
      expectSurvived(
        await send('POST', `${app().url}/api/v1/auth/token`, { body: { refresh_token: `a.b.1${odd}` } }),
      );
      expectSurvived(await device.pull({ history_id: odd, migration: odd, schema_version: odd }));
      const changes = {
        ...creating({ [odd]: [{ id: odd }], games: [{ id: 'g1', [odd]: odd, winner_id: odd }] }),
        ...deleting({ rounds: [odd] }),
      };
      expectSurvived(await device.push(changes, await clockOf(device)));
    }
    expectProblem(await device.request('DELETE', '/auth/devices/%00'), 404, 'NOT_FOUND');
    expectSurvived(await device.request('GET', '/sync/pull?history_id=%00&last_pulled_at=%00'));
    expectSurvived(await device.request('GET', '/sync/pull?history_id=%ff%fe&migration=%ED%A0%80'));
  });

  test.each([
    '1e400',
    '-1e400',
    '1'.repeat(400),
    '0.' + '1'.repeat(400),
    '9007199254740993',
    '-0',
    '1E5',
    '5e-324',
  ])('the number %s is stored as an integer in range', async (number) => {
    const device = await app().newDevice();
    const columns = ['target_score', 'started_at', 'ended_at'].map((name) => `"${name}":${number}`).join(',');
    const reply = await pushText(
      device,
      `{"games":{"created":[{"id":"g1",${columns}}],"updated":[],"deleted":[]}}`,
    );
    expect(reply.status).toBe(200);
    const row = await findRow(device, 'games', 'g1');
    for (const value of [row?.target_score, row?.started_at, row?.ended_at ?? 0]) {
      expect(Number.isSafeInteger(value)).toBe(true);
      expect(Object.is(value, -0)).toBe(false);
    }
  });

  test.each([
    'last_pulled_at=1&last_pulled_at=2',
    'last_pulled_at=&last_pulled_at=',
    'schema_version=1&schema_version=1',
    'history_id=a&history_id=b',
    'migration=null&migration=null',
    'replacement=1&replacement=1',
    'last_pulled_at[]=1',
    'last_pulled_at[a]=1',
    '%',
    '%zz=1',
    '&&&',
    '=',
    'last_pulled_at=%',
    '?????',
    'a'.repeat(8_000),
  ])('the query ?%s is answered, not failed', async (query) => {
    const device = await app().newDevice();
    await store(device, { games: games(1) });
    const before = await stateOf(device);
    expectSurvived(await device.request('GET', `/sync/pull?${query}`));
    expectSurvived(await device.request('GET', `/sync/status?${query}`));
    expectSurvived(await device.request('POST', `/sync/push?${query}`, { body: {} }));
    expect(await stateOf(device)).toEqual(before);
  });

  test('a repeated parameter that decides something is refused with 400, in pull, push and status', async () => {
    const device = await app().newDevice();
    const clock = await clockOf(device);
    for (const query of [
      { last_pulled_at: [clock, clock] },
      { last_pulled_at: clock, schema_version: [1, 1] },
      { last_pulled_at: clock, history_id: ['a', 'a'] },
    ]) {
      expectProblem(await device.pull(query), 400, 'BAD_REQUEST');
      expectProblem(await device.request('GET', '/sync/status', { query }), 400, 'BAD_REQUEST');
      expectProblem(await device.request('POST', '/sync/push', { query, body: {} }), 400, 'BAD_REQUEST');
    }
  });
});
