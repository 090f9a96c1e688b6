import { forEachDatabase } from '../support/app.js';
import { clockOf, expectProblem, pull, push, stateOf, store } from '../support/exchange.js';
import { creating, deleting, evening, game, games, player, round, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

const MANY = 60_000;
/** Processor time far above linear work on such a body, and far below quadratic work. */
const AMPLE_CPU_MS = 20_000;

/** Bodies within the size limit that are built to cost more than their size. */
forEachDatabase((database) => {
  const app = shareApp(database, { env: { PULL_STALL_SECONDS: '3600' } });

  const many = <T>(make: (index: number) => T, length = MANY) =>
    Array.from({ length }, (_, index) => make(index));

  test.each([
    ['impossible ids', () => creating({ games: many((n) => ({ id: `${n}/` })) })],
    ['the same impossible id', () => creating({ games: many(() => ({ id: '/' })) })],
    ['rows of an unknown table', () => creating({ boats: many((n) => ({ id: `${n}` }), 200_000) })],
    [
      'unknown tables',
      () => Object.fromEntries(many((n) => [`t${n}`, { created: [{ id: 'a' }], updated: [], deleted: [] }])),
    ],
    ['the same row', () => creating({ games: many(() => ({ id: 'g1', name: 'x' })) })],
    ['deletions of the same id', () => deleting({ games: many(() => 'g1') })],
    ['deletions of unknown ids', () => deleting({ games: many((n) => `g${n}`) })],
    [
      'children of one deleted parent',
      () => ({
        ...deleting({ games: ['g1'] }),
        ...creating({ rounds: many((n) => ({ id: `r${n}`, game_id: 'g1' })) }),
      }),
    ],
    ['too long texts', () => creating({ rounds: many((n) => ({ id: `r${n}`, caller_id: 'x'.repeat(65) })) })],
  ])('%s by the ten thousands take work in proportion', async (_name, make) => {
    const device = await app().newDevice();
    const body = JSON.stringify({ changes: make(), last_pulled_at: await clockOf(device) });
    const started = process.cpuUsage();
    const reply = await device.request('POST', '/sync/push', { body });
    expect(reply.status).toBe(200);
    const { user, system } = process.cpuUsage(started);
    expect((user + system) / 1_000).toBeLessThan(AMPLE_CPU_MS);
  });

  test('more objects and arrays than any records have are refused, and the answer says why', async () => {
    const device = await app().newDevice();
    const reply = await device.request('POST', '/sync/push', { body: '[]'.repeat(1_000_001) });
    expectProblem(reply, 413, 'BODY_TOO_LARGE');
    expect(reply.body.detail).toMatch(/objects and arrays/);
  });

  test('a hundred thousand conflicts are all listed, and nothing is applied', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    const rows = games(100_000).map(({ id }) => ({ id }));
    await push(await device.pair(), creating({ games: rows }), lastPulledAt);
    const clock = await clockOf(device);
    const reply = await device.push(
      updating({ games: rows.map(({ id }) => ({ id, name: 'Mine' })) }),
      lastPulledAt,
    );
    expectProblem(reply, 409, 'PUSH_CONFLICT');
    expect(reply.body.conflicts).toHaveLength(100_000);
    expect(await clockOf(device)).toBe(clock);
  });

  test('rows that own each other in a circle of references are no endless cascade', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, {
      games: [game('a'), game('x')],
      game_players: [player('a', 'a'), player('x', 'x')],
      rounds: [round('a', 'a'), round('x', 'a')],
    });
    await push(device, deleting({ games: ['a'] }), lastPulledAt);
    expect((await pull(device, lastPulledAt)).changes.rounds?.deleted.sort()).toEqual(['a', 'x']);
    const before = await stateOf(device);
    await push(device, creating(evening('b')), await clockOf(device));
    expect(await stateOf(device)).not.toEqual(before);
  });
});
