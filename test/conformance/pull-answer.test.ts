import { gunzipSync } from 'node:zlib';
import { request } from 'node:http';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, pull, push, store } from '../support/exchange.js';
import {
  changes,
  creating,
  deleting,
  evening,
  game,
  games,
  tableNames,
  updating,
} from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** A pull that returns the body's bytes as sent; fetch would inflate them. */
async function pullBytes(device: TestDevice, acceptEncoding?: string) {
  const headers = {
    authorization: `Bearer ${device.accessToken}`,
    ...(acceptEncoding === undefined ? {} : { 'accept-encoding': acceptEncoding }),
  };
  const call = request(`${device.url}/api/v1/sync/pull`, { headers }).end();
  const [response] = (await once(call, 'response')) as [import('node:http').IncomingMessage];
  return { headers: response.headers, bytes: await buffer(response) };
}

/** records.md, "GET /api/v1/sync/pull": the answer. */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('the answer is application/json with changes, timestamp, history_id, checkpoint and schema_version, nothing else', async () => {
    const device = await app().newDevice();
    const reply = await device.pull();
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/);
    expect(Object.keys(reply.body).sort()).toEqual([
      'changes',
      'checkpoint',
      'history_id',
      'schema_version',
      'timestamp',
    ]);
    expect(reply.body.schema_version).toBe(1);
  });

  test('the answer is gzipped when that is accepted, and plain when it is not', async () => {
    const device = await app().newDevice();
    await store(device, { games: games(500) });
    const zipped = await pullBytes(device, 'gzip, deflate');
    expect(zipped.headers['content-encoding']).toBe('gzip');
    const plain = await pullBytes(device);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(JSON.parse(gunzipSync(zipped.bytes).toString())).toEqual(JSON.parse(plain.bytes.toString()));
    expect(zipped.bytes.length).toBeLessThan(plain.bytes.length / 4);
    const refused = await pullBytes(device, 'gzip;q=0, identity');
    expect(refused.headers['content-encoding']).toBeUndefined();
  });

  test('the header Tidemark-Rows counts what the answer holds', async () => {
    const device = await app().newDevice();
    const first = await store(device, evening('a'));
    expect((await device.pull()).headers.get('tidemark-rows')).toBe('6');
    await push(
      device,
      changes({ games: { created: [game('g1')] }, scores: { deleted: ['a-score-ada'] } }),
      first,
    );
    expect((await device.pull({ last_pulled_at: first })).headers.get('tidemark-rows')).toBe('2');
  });

  test('every declared table is present with exactly created, updated and deleted, on every kind of pull', async () => {
    const device = await app().newDevice();
    const empty = await pull(device);
    const lastPulledAt = await store(device, { games: games(1) });
    const answers = [
      empty,
      await pull(device),
      await pull(device, empty.timestamp),
      await pull(device, lastPulledAt),
    ];
    for (const answer of answers) {
      expect(Object.keys(answer.changes).sort()).toEqual([...tableNames].sort());
      for (const rows of Object.values(answer.changes)) {
        expect(Object.keys(rows).sort()).toEqual(['created', 'deleted', 'updated']);
        expect(Object.values(rows).every(Array.isArray)).toBe(true);
      }
    }
  });

  test('live rows travel in updated and created is always empty', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    await store(device, evening('a'));
    for (const { changes } of [await pull(device), await pull(device, before)]) {
      expect(Object.values(changes).flatMap((rows) => rows.created)).toEqual([]);
      expect(Object.values(changes).flatMap((rows) => rows.updated)).toHaveLength(6);
    }
  });

  test('an id that was created, updated and deleted since stands once, in deleted', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    await push(device, creating({ games: [game('g1')] }), before);
    await push(device, updating({ games: [game('g1', { name: 'New' })] }), await clockOf(device));
    await push(device, deleting({ games: ['g1'] }), await clockOf(device));
    expect((await pull(device, before)).changes.games).toEqual({ created: [], updated: [], deleted: ['g1'] });
  });

  test('an id that was deleted and made again since stands once, in updated', async () => {
    const device = await app().newDevice();
    const before = await store(device, { games: [game('g1')] });
    await push(device, deleting({ games: ['g1'] }), before);
    await push(device, creating({ games: [game('g1', { name: 'Back' })] }), await clockOf(device));
    const back = game('g1', { name: 'Back' });
    expect((await pull(device, before)).changes.games).toEqual({ created: [], updated: [back], deleted: [] });
  });

  test('the same id in two tables is two rows', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    await push(device, { ...creating({ games: [game('x')] }), ...deleting({ rounds: ['x'] }) }, before);
    const { changes } = await pull(device, before);
    expect(changes.games?.updated).toHaveLength(1);
    expect(changes.rounds?.deleted).toEqual(['x']);
  });

  test('a first sync lists no deletions', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    await push(device, deleting({ games: ['a-game'] }), lastPulledAt);
    const { changes } = await pull(device);
    for (const rows of Object.values(changes))
      expect(rows).toEqual({ created: [], updated: [], deleted: [] });
  });

  test('a device gets its own pushes back on its next pull', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    const pushed = changes({ games: { created: [game('g1')], deleted: ['g2'] } });
    await push(device, pushed, before);
    expect((await pull(device, before)).changes.games).toEqual({
      created: [],
      updated: [game('g1')],
      deleted: ['g2'],
    });
  });

  test('texts come back character by character: quotes, backslashes, line ends, controls, emoji, right-to-left', async () => {
    const device = await app().newDevice();
    const names = [
      '"',
      '\\',
      '\\"',
      '\n\r\t',
      '\u0001\u001f\u007f',
      '</script>',
      '\u2028\u2029',
      '🎲👩‍👩‍👧',
      'שלום',
      'é',
      'e\u0301',
      "'; --",
      '%',
      ' ',
    ];
    await store(device, { games: names.map((name, index) => game(`g${index}`, { name })) });
    const { changes } = await pull(device);
    const byId = new Map(changes.games?.updated.map((row) => [row.id, row.name]));
    expect(names.map((_, index) => byId.get(`g${index}`))).toEqual(names);
  });

  test('integers come back exactly, up to ±(2^53−1)', async () => {
    const device = await app().newDevice();
    const values = [0, -1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, -(2 ** 53 - 1), 1_790_000_000_123];
    await store(device, { games: values.map((value, index) => game(`g${index}`, { started_at: value })) });
    const { changes } = await pull(device);
    const byId = new Map(changes.games?.updated.map((row) => [row.id, row.started_at]));
    expect(values.map((_, index) => byId.get(`g${index}`))).toEqual(values);
  });

  test('another account sees none of it', async () => {
    const device = await app().newDevice();
    await store(device, evening('a'));
    const { changes } = await pull(await app().newDevice());
    expect(Object.values(changes).flatMap((rows) => rows.updated)).toEqual([]);
  });
});
