import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import {
  clockOf,
  expectProblem,
  findRow,
  moveTo,
  pull,
  push,
  stateOf,
  store,
  until,
} from '../support/exchange.js';
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

  test('requests with a checkpoint that an answer told are served, whatever came since', async () => {
    const device = await app().newDevice();
    const first = await pull(device);
    const pushed = await push(device, creating({ games: [game('g1')] }), first.timestamp, {
      checkpoint: first.checkpoint,
    });
    const known = { last_pulled_at: first.timestamp, checkpoint: pushed.checkpoint };
    expect((await device.pull(known)).body.changes.games.updated).toEqual([game('g1')]);
    expect((await status(device, known)).body.up_to_date).toBe(false);
    await store(await device.pair(), { games: [game('g2')] });
    for (const { checkpoint } of [first, pushed]) {
      expect((await device.pull({ ...known, checkpoint })).status).toBe(200);
      expect((await status(device, { ...known, checkpoint })).status).toBe(200);
      const body = { changes: creating({ games: [game('g1')] }), ...known, checkpoint };
      expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
    }
  });

  test.each(['', 'null', 'undefined'])(
    'a checkpoint of %j means none, as for last_pulled_at',
    async (none) => {
      const device = await app().newDevice();
      const { timestamp } = await pull(device, undefined, { checkpoint: none });
      expect((await pull(device, timestamp, { checkpoint: none })).timestamp).toBe(timestamp);
      expect((await status(device, { last_pulled_at: timestamp, checkpoint: none })).status).toBe(200);
      const body = { changes: {}, last_pulled_at: timestamp, checkpoint: null };
      expect((await device.request('POST', '/sync/push', { body })).status).toBe(200);
    },
  );

  test.each([
    'abc',
    '5',
    '-9f3c21ab',
    '0-9f3c21ab',
    '-5-9f3c21ab',
    '1.5-9f3c21ab',
    '1790000000000-9f3c21a',
    '1790000000000-9f3c21abc',
    '1790000000000-9F3C21AB',
    '1790000000000-9f3c21ag',
    ' 1790000000000-9f3c21ab',
    '1790000000000-9f3c21ab\n',
    '9007199254740992-9f3c21ab',
    '99999999999999999999999-9f3c21ab',
    "1790000000000-' OR 1",
  ])('a checkpoint of %j is 400 everywhere', async (checkpoint) => {
    const device = await app().newDevice();
    const { timestamp } = await pull(device);
    expectProblem(await device.pull({ checkpoint }), 400, 'BAD_REQUEST');
    expectProblem(await device.pull({ last_pulled_at: timestamp, checkpoint }), 400, 'BAD_REQUEST');
    expectProblem(await status(device, { last_pulled_at: timestamp, checkpoint }), 400, 'BAD_REQUEST');
    expectProblem(await device.push({}, timestamp, { checkpoint }), 400, 'BAD_REQUEST');
    const body = { changes: {}, last_pulled_at: timestamp, checkpoint };
    expectProblem(await device.request('POST', '/sync/push', { body }), 400, 'BAD_REQUEST');
  });

  test('a checkpoint given twice, as a number, or differently in query and body is 400', async () => {
    const device = await app().newDevice();
    const { timestamp, checkpoint } = await pull(device);
    expectProblem(await device.pull({ checkpoint: [checkpoint, checkpoint] }), 400, 'BAD_REQUEST');
    for (const wrong of [timestamp, true, {}, [checkpoint]]) {
      const body = { changes: {}, last_pulled_at: timestamp, checkpoint: wrong };
      expectProblem(await device.request('POST', '/sync/push', { body }), 400, 'BAD_REQUEST');
    }
    const body = { changes: {}, last_pulled_at: timestamp, checkpoint };
    const query = { checkpoint: `${timestamp}-00000000` };
    expectProblem(await device.request('POST', '/sync/push', { query, body }), 400, 'BAD_REQUEST');
  });

  test('a checkpoint with a stamp or a mark that the account never had is refused, first pulls too', async () => {
    const device = await app().newDevice();
    const first = await pull(device);
    await until(
      () => Date.now(),
      (now) => now > first.timestamp + 2,
    );
    await store(device, { games: [game('g1')] });
    const { timestamp, checkpoint } = await pull(device);
    const [, mark] = checkpoint.split('-');
    const wrong = mark === '00000000' ? '00000001' : '00000000';
    const before = await stateOf(device);
    for (const unknown of [
      `${timestamp}-${wrong}`,
      `${first.timestamp}-${wrong}`,
      `${timestamp + 1}-${mark}`,
      `${first.timestamp + 1}-${mark}`,
      `${first.timestamp - 1}-${mark}`,
      `1-${mark}`,
    ]) {
      expectProblem(await device.pull({ checkpoint: unknown }), 409, 'HISTORY_CHANGED');
      const query = { last_pulled_at: timestamp, checkpoint: unknown };
      expectProblem(await device.pull(query), 409, 'HISTORY_CHANGED');
      expectProblem(await status(device, query), 409, 'HISTORY_CHANGED');
      const pushed = creating({ games: [game('g2')] });
      expectProblem(await device.push(pushed, timestamp, { checkpoint: unknown }), 409, 'HISTORY_CHANGED');
    }
    expect(await stateOf(device)).toEqual(before);
  });

  test('a last_pulled_at that no pull ever answered is refused', async () => {
    const device = await app().newDevice();
    const { timestamp } = await pull(device);
    await until(
      () => Date.now(),
      (now) => now > timestamp + 2,
    );
    await store(device, { games: [game('g1')] });
    expectProblem(await device.pull({ last_pulled_at: timestamp + 1 }), 409, 'HISTORY_CHANGED');
    expectProblem(await status(device, { last_pulled_at: timestamp + 1 }), 409, 'HISTORY_CHANGED');
    const pushed = creating({ games: [game('g2')] });
    expectProblem(await device.push(pushed, timestamp + 1), 409, 'HISTORY_CHANGED');
  });

  test('GET /sync/meta tells history, schema version, protocol version and tables', async () => {
    const device = await app().newDevice();
    const reply = await device.request('GET', '/sync/meta');
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.body).sort()).toEqual([
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
