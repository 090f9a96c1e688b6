import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { clockOf, expectProblem, findRow, moveTo, pull, stateOf, store } from '../support/exchange.js';
import { creating, game, games, tableNames } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, "Identity". operations/backup.test.ts covers the effects of `restore`. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const status = async (
    device: Awaited<ReturnType<TestApp['newDevice']>>,
    query: Record<string, string | number>,
  ) => device.request('GET', '/sync/status', { query });

  test('an account has one history_id, the same for all its devices, and another account has another', async () => {
    const device = await app().newDevice();
    const { history_id } = await pull(device);
    expect(history_id).toEqual(expect.stringMatching(/^\S{8,}$/));
    await store(device, { games: [game('g1')] });
    expect((await pull(await device.pair())).history_id).toBe(history_id);
    expect((await pull(await app().newDevice())).history_id).not.toBe(history_id);
  });

  test('the history_id outlives a restart of the server', async () => {
    const first = await startApp(database);
    const device = await first.newDevice();
    const lastPulledAt = await store(device, { games: games(2) });
    const { history_id } = await pull(device);
    await first.stop();
    await using second = await startApp(database, { storage: first.storage });
    moveTo(device, second.url);
    const again = await pull(device, lastPulledAt, { history_id });
    expect(again).toMatchObject({ history_id, timestamp: lastPulledAt });
  });

  test("requests with the account's own history_id are served", async () => {
    const device = await app().newDevice();
    const { history_id, timestamp } = await pull(device);
    const pushed = await device.push(creating({ games: [game('g1')] }), timestamp, { history_id });
    expect(pushed.status).toBe(200);
    expect((await pull(device, timestamp, { history_id })).changes.games?.updated).toEqual([game('g1')]);
  });

  test('a pull with another history_id is refused with HISTORY_CHANGED, first syncs too', async () => {
    const device = await app().newDevice();
    const { history_id } = await pull(await app().newDevice());
    const lastPulledAt = await store(device, { games: [game('g1')] });
    expectProblem(await device.pull({ last_pulled_at: lastPulledAt, history_id }), 409, 'HISTORY_CHANGED');
    expectProblem(await device.pull({ history_id }), 409, 'HISTORY_CHANGED');
    expectProblem(
      await device.pull({ last_pulled_at: lastPulledAt, history_id: 'none-such' }),
      409,
      'HISTORY_CHANGED',
    );
  });

  test('a push with another history_id is refused with HISTORY_CHANGED and nothing is applied', async () => {
    const device = await app().newDevice();
    const { history_id } = await pull(await app().newDevice());
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const before = await stateOf(device);
    const pushed = creating({ games: [game('g2')] });
    expectProblem(await device.push(pushed, lastPulledAt, { history_id }), 409, 'HISTORY_CHANGED');
    const inBody = { changes: pushed, last_pulled_at: lastPulledAt, history_id };
    expectProblem(await device.request('POST', '/sync/push', { body: inBody }), 409, 'HISTORY_CHANGED');
    expect(await stateOf(device)).toEqual(before);
  });

  test.each(['with', 'without'])(
    'a last_pulled_at above the clock is refused with HISTORY_CHANGED, pull and push alike, %s a history_id',
    async (sent) => {
      const device = await app().newDevice();
      const { timestamp, history_id } = await pull(device);
      const query: Record<string, string> = sent === 'with' ? { history_id } : {};
      for (const above of [timestamp + 1, timestamp + 1e9, Number.MAX_SAFE_INTEGER]) {
        expectProblem(await device.pull({ last_pulled_at: above, ...query }), 409, 'HISTORY_CHANGED');
        const reply = await device.push(creating({ games: [game('g1')] }), above, query);
        expectProblem(reply, 409, 'HISTORY_CHANGED');
      }
      expect(await findRow(device, 'games', 'g1')).toBeUndefined();
    },
  );

  test.each(['with', 'without'])(
    'a last_pulled_at below the origin is refused with HISTORY_CHANGED, pull and push alike, %s a history_id',
    async (sent) => {
      const device = await app().newDevice();
      const { timestamp: origin, history_id } = await pull(device);
      const query: Record<string, string> = sent === 'with' ? { history_id } : {};
      for (const below of [1, 1_000_000, origin - 1]) {
        expectProblem(await device.pull({ last_pulled_at: below, ...query }), 409, 'HISTORY_CHANGED');
        const reply = await device.push(creating({ games: [game('g1')] }), below, query);
        expectProblem(reply, 409, 'HISTORY_CHANGED');
      }
      expect((await device.pull({ last_pulled_at: origin, ...query })).status).toBe(200);
      expect(await findRow(device, 'games', 'g1')).toBeUndefined();
    },
  );

  test('GET /sync/meta tells history, schema version, protocol version and tables', async () => {
    const device = await app().newDevice();
    const reply = await device.request('GET', '/sync/meta');
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).sort()).toEqual([
      'declaration',
      'history_id',
      'protocol_version',
      'schema_version',
      'tables',
    ]);
    expect(reply.body).toMatchObject({ history_id: (await pull(device)).history_id, schema_version: 1 });
    expect(Number.isSafeInteger(reply.body.protocol_version)).toBe(true);
    const { tables } = reply.body as { tables: unknown };
    expect((Array.isArray(tables) ? tables : Object.keys(tables as object)).sort()).toEqual(
      [...tableNames].sort(),
    );
    expect(reply.body.declaration).toMatchObject({
      games: {
        since: 1,
        columns: {
          name: { kind: 'text', optional: true, default: null, max: 200 },
          status: { kind: 'choice', values: ['active', 'finished', 'abandoned'], default: 'active' },
          winner_id: { kind: 'optionalRef', references: 'game_players' },
        },
      },
    });
  });

  test('GET /sync/status tells whether a pull would bring anything', async () => {
    const device = await app().newDevice();
    const first = await clockOf(device);
    expect((await status(device, { last_pulled_at: first })).body).toMatchObject({
      up_to_date: true,
      timestamp: first,
    });
    const second = await store(device, { games: [game('g1')] });
    expect((await status(device, { last_pulled_at: first })).body).toMatchObject({
      up_to_date: false,
      timestamp: second,
    });
    expect((await status(device, { last_pulled_at: second })).body).toMatchObject({
      up_to_date: true,
      timestamp: second,
    });
    expect((await status(device, {})).body).toMatchObject({ up_to_date: false, timestamp: second });
  });
});
