import { gzipSync } from 'node:zlib';
import { forEachDatabase, startApp } from '../support/app.js';
import {
  changedIds,
  clockOf,
  expectProblem,
  findRow,
  liveRows,
  pull,
  push,
  stateOf,
  store,
} from '../support/exchange.js';
import {
  changes,
  creating,
  deleting,
  evening,
  game,
  games,
  secondSchema,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import type { TestDevice } from '../support/device.js';
import { PushService } from '../../src/sync/push/push.service.js';
import { EventBus } from '../../src/foundation/events/event-bus.js';

/** records.md, "POST /api/v1/sync/push": request, answer and announcement. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const newGame = creating({ games: [game('g1')] });

  describe('a push may come', () => {
    test.each([
      [
        'as { changes, last_pulled_at }',
        (at: number) => ({ body: { changes: newGame, last_pulled_at: at } }),
      ],
      [
        'as { changes } with last_pulled_at in the query',
        (at: number) => ({ query: { last_pulled_at: at }, body: { changes: newGame } }),
      ],
      ['as the bare changes object', (at: number) => ({ query: { last_pulled_at: at }, body: newGame })],
      [
        'as text/plain holding JSON',
        (at: number) => ({
          query: { last_pulled_at: at },
          headers: { 'content-type': 'text/plain;charset=UTF-8' },
          body: JSON.stringify(newGame),
        }),
      ],
      [
        'gzipped',
        (at: number) => ({
          headers: { 'content-encoding': 'gzip' },
          body: gzipSync(JSON.stringify({ changes: newGame, last_pulled_at: at })),
        }),
      ],
      [
        'as gzipped text/plain',
        (at: number) => ({
          query: { last_pulled_at: at },
          headers: { 'content-type': 'text/plain', 'content-encoding': 'gzip' },
          body: gzipSync(JSON.stringify(newGame)),
        }),
      ],
      [
        'as application/json with a charset',
        (at: number) => ({
          query: { last_pulled_at: at },
          headers: { 'content-type': 'application/json; charset=utf-8' },
          body: JSON.stringify(newGame),
        }),
      ],
    ])('%s', async (_name, options) => {
      const device = await app().newDevice();
      const reply = await device.request('POST', '/sync/push', options(await clockOf(device)));
      expect({ status: reply.status, body: reply.body }).toMatchObject({ status: 200, body: { ok: true } });
      expect(await findRow(device, 'games', 'g1')).toEqual(game('g1'));
    });
  });

  test.each([
    undefined,
    null,
    '',
    0,
    -1,
    1.5,
    'abc',
    'null',
    'undefined',
    'NaN',
    1e308,
    2 ** 53,
    true,
    {},
    [],
  ])('without a valid last_pulled_at (%p in the body) a push is refused with 400', async (lastPulledAt) => {
    const device = await app().newDevice();
    const body = { changes: newGame, last_pulled_at: lastPulledAt };
    expectProblem(await device.request('POST', '/sync/push', { body }), 400, 'BAD_REQUEST');
    expect((await liveRows(device)).games).toEqual([]);
  });

  test.each(['', '0', '-1', '1.5', 'abc', 'null', 'undefined', '1e308', '9007199254740992'])(
    'without a valid last_pulled_at (%p in the query) a push is refused with 400',
    async (lastPulledAt) => {
      const device = await app().newDevice();
      const options = { query: { last_pulled_at: lastPulledAt }, body: newGame };
      expectProblem(await device.request('POST', '/sync/push', options), 400, 'BAD_REQUEST');
      expect((await liveRows(device)).games).toEqual([]);
    },
  );

  test.each(['query', 'body'])(
    "a schema_version above the server's in the %s is refused with SCHEMA_AHEAD",
    async (where) => {
      const device = await app().newDevice();
      const body = { changes: newGame, last_pulled_at: await clockOf(device) };
      const options =
        where === 'query' ? { query: { schema_version: 2 }, body } : { body: { ...body, schema_version: 2 } };
      expectProblem(await device.request('POST', '/sync/push', options), 409, 'SCHEMA_AHEAD');
      expect((await liveRows(device)).games).toEqual([]);
    },
  );

  test('an older schema_version pushes what it knows', async () => {
    await using later = await startApp(database, { schema: secondSchema });
    const device = await later.newDevice();
    const lastPulledAt = await store(device, { games: [{ ...game('g1'), note: 'rain' }] });
    await push(device, updating({ games: [game('g1', { name: 'Old app' })] }), lastPulledAt, {
      schema_version: 1,
    });
    expect(await findRow(device, 'games', 'g1')).toMatchObject({ name: 'Old app', note: 'rain' });
  });

  describe('the answer', () => {
    const newestOf = async (device: TestDevice) => {
      const { timestamp, checkpoint } = await pull(device);
      expect(checkpoint).toMatch(new RegExp(`^${timestamp}-[0-9a-f]{8}$`));
      return { timestamp, checkpoint };
    };

    test('is { ok, timestamp, checkpoint } when all was taken as it was', async () => {
      const device = await app().newDevice();
      const reply = await device.push(creating(evening('a')), await clockOf(device));
      expect(reply.body).toEqual({ ok: true, ...(await newestOf(device)) });
    });

    test('lists what was not in rejected and experimentalRejectedIds', async () => {
      const device = await app().newDevice();
      const pushed = creating({ games: [game('a/b'), game('ok')], boats: [{ id: 'b1' }] });
      const answer = await push(device, pushed, await clockOf(device));
      expect(answer.experimentalRejectedIds).toEqual({ games: ['a/b'], boats: ['b1'] });
      expect(answer.rejected).toHaveLength(2);
      expect(answer.rejected).toEqual(
        expect.arrayContaining([
          { table: 'games', id: 'a/b', reason: 'ID_INVALID' },
          { table: 'boats', id: 'b1', reason: 'TABLE_UNKNOWN' },
        ]),
      );
    });

    test.each([
      ['an empty changes object', {}],
      ['empty arrays', changes({ games: {}, scores: {} })],
    ])('to %s is 200 with the unchanged clock', async (_name, nothing) => {
      const device = await app().newDevice();
      const lastPulledAt = await store(device, { games: games(1) });
      expect(await push(device, nothing, lastPulledAt)).toEqual({ ok: true, ...(await newestOf(device)) });
      expect(await clockOf(device)).toBe(lastPulledAt);
    });

    test('to a conflict lists every conflicting table and id, and only those', async () => {
      const device = await app().newDevice();
      const lastPulledAt = await store(device, evening('a'));
      const theirs = {
        games: [{ id: 'a-game', name: 'Theirs' }],
        scores: [{ id: 'a-score-ada', raw_score: 1 }],
      };
      await push(
        await device.pair(),
        { ...updating(theirs), ...deleting({ rounds: ['a-round'] }) },
        lastPulledAt,
      );
      const reply = await device.push(
        {
          ...changes({ games: { updated: [{ id: 'a-game', name: 'Mine' }], created: [game('new')] } }),
          ...deleting({ scores: ['a-score-ada'] }),
          ...updating({
            rounds: [{ id: 'a-round', round_number: 9 }],
            game_players: [{ id: 'a-bob', name: 'Rob' }],
          }),
        },
        lastPulledAt,
      );
      expectProblem(reply, 409, 'PUSH_CONFLICT');
      const ids = (reply.body.conflicts as { table: string; id: string }[]).map(
        ({ table, id }) => `${table}/${id}`,
      );
      // The score was deleted together with its round: pushing its deletion agrees with what is stored.
      expect(ids.sort()).toEqual(['games/a-game', 'rounds/a-round']);
      expect((await liveRows(device)).games).toHaveLength(1);
    });
  });

  describe('the announcement', () => {
    test('tells account, device and timestamp, once per push, when the rows can already be pulled', async () => {
      const device = await app().newDevice();
      const heard: unknown[] = [];
      const pulls: Promise<unknown>[] = [];
      app()
        .nest.get(EventBus)
        .subscribe('records.changed', (event) => {
          if (event.accountId !== device.accountId) return;
          heard.push(event);
          pulls.push(findRow(device, 'games', 'g1'));
        });
      const { timestamp } = await push(
        device,
        creating({ ...evening('a'), games: [game('g1')] }),
        await clockOf(device),
      );
      expect(heard).toEqual([{ accountId: device.accountId, deviceId: device.deviceId, timestamp }]);
      expect(await Promise.all(pulls)).toEqual([game('g1')]);
    });

    test('is not made when nothing visible changed: repeats, unknown deletions, conflicts, refusals', async () => {
      const device = await app().newDevice();
      const lastPulledAt = await store(device, { games: games(2) });
      await push(await device.pair(), updating({ games: [game('g1', { name: 'Theirs' })] }), lastPulledAt);
      let heard = 0;
      app()
        .nest.get(EventBus)
        .subscribe('records.changed', (event) => {
          if (event.accountId === device.accountId) heard += 1;
        });
      await push(device, creating({ games: [game('g0')] }), lastPulledAt);
      await push(device, deleting({ games: ['never-seen'] }), lastPulledAt);
      await push(device, creating({ boats: [{ id: 'b1' }] }), lastPulledAt);
      expect(
        (await device.push(updating({ games: [game('g1', { name: 'Mine' })] }), lastPulledAt)).status,
      ).toBe(409);
      expect((await device.push({ games: 5 }, lastPulledAt)).status).toBe(400);
      expect(heard).toBe(0);
      await push(device, updating({ games: [game('g0', { name: 'Seen' })] }), lastPulledAt);
      expect(heard).toBe(1);
    });
  });

  test('a refused push leaves the account as it was', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    const before = await stateOf(device);
    expect((await device.push({ games: { created: 5 } }, lastPulledAt)).status).toBe(400);
    expect((await device.push(newGame, lastPulledAt + 1)).status).toBe(409);
    expect(await stateOf(device)).toEqual(before);
  });

  test('server-side code pushes through the same PushService: rows are stamped, pulled and announced alike', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const heard: unknown[] = [];
    const stop = app()
      .nest.get(EventBus)
      .subscribe('records.changed', (event) => heard.push(event));
    const { accountId } = device;
    const asked = { schemaVersion: null, historyId: null, checkpoint: null, lastPulledAt };
    const answer = await app()
      .nest.get(PushService)
      .push({ accountId, deviceId: 'server' }, { ...asked, changes: deleting({ games: ['g1'] }) });
    stop();
    expect(answer.timestamp).toBeGreaterThan(lastPulledAt);
    expect(await changedIds(device, lastPulledAt)).toEqual({ games: { updated: [], deleted: ['g1'] } });
    expect(heard).toEqual([{ accountId, deviceId: 'server', timestamp: answer.timestamp }]);
  });
});
