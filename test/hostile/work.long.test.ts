import { gzipSync } from 'node:zlib';
import { forEachDatabase } from '../support/app.js';
import { send, type Reply, type TestDevice } from '../support/device.js';
import { clockOf, expectProblem, pull, push } from '../support/exchange.js';
import { creating, deleting, games, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

const GZIP = { 'content-encoding': 'gzip' };
/** As many records as one push may have at the default limits. */
const MOST = 262_144;

/** Few bytes on the wire that ask for much work: it is refused, or done in steps between which others are served. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const many = <T>(length: number, make: (index: number) => T) =>
    Array.from({ length }, (_, index) => make(index));

  /** Asks a stranger's questions one after another, all of which must be answered before the request ends. */
  async function expectOthersServed(request: Promise<Reply>, other: TestDevice): Promise<Reply> {
    let isUnderWay = true;
    const ended = request.finally(() => (isUnderWay = false));
    let served = 0;
    while (isUnderWay && served < 20) {
      expect((await send('GET', `${app().url}/health/live`)).status).toBe(200);
      served++;
    }
    await pull(other);
    expect({ served, isUnderWay }).toEqual({ served: 20, isUnderWay: true });
    return ended;
  }

  const pushing = async (device: TestDevice, changes: unknown, lastPulledAt?: number) => {
    const query = { last_pulled_at: lastPulledAt ?? (await clockOf(device)) };
    const body = gzipSync(JSON.stringify(changes), { level: 1 });
    return () => device.request('POST', '/sync/push', { query, body, headers: GZIP });
  };

  test.each([
    ['ids of an unknown table', deleting({ boats: many(4_700_000, (n) => String(n % 1_000)) })],
    ['ids of a known table', deleting({ games: many(4_700_000, (n) => String(n % 1_000)) })],
    ['lists in one value', creating({ games: [{ id: 'g', name: many(4_700_000, () => 0) }] })],
    ['lists beside the changes', { changes: {}, more: many(4_700_000, () => '') }],
  ])('4.7 million %s are refused, and the answer says how many may be', async (_name, changes) => {
    const device = await app().newDevice();
    const begin = await pushing(device, changes);
    const reply = await begin();
    expectProblem(reply, 413, 'BODY_TOO_LARGE');
    expect(reply.body.detail).toContain(`${MOST} records`);
  });

  test('others are served while as much is done as one push may ask for', async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    for (const changes of [
      deleting({ boats: many(MOST - 10, (n) => n.toString(36)) }),
      deleting({ games: many(MOST - 10, (n) => n.toString(36)) }),
      creating({ boats: many(MOST - 10, (n) => ({ id: n.toString(36) })) }),
      { ...creating({ games: [{ id: 'g1', name: many(MOST - 10, (n) => ({ n })) }] }) },
      {
        ...deleting({ games: ['g1'] }),
        ...creating({ rounds: many(MOST - 10, (n) => ({ id: n.toString(36), game_id: 'g1' })) }),
      },
    ]) {
      const begin = await pushing(device, changes);
      expect((await expectOthersServed(begin(), other)).status).toBe(200);
    }
  });

  test('others are served while rows with as many unknown columns as they may have are read', async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    const columns = Object.fromEntries(many(990, (n) => [`c${n}`, 0]));
    const rows = many(3_500, (n) => ({ id: `g${n}`, ...columns }));
    const begin = await pushing(device, creating({ games: rows }));
    const reply = await expectOthersServed(begin(), other);
    expect(reply.status).toBe(200);
    expect(reply.body.adjusted_more).toBe(3_500 * 990 - 100);
  });

  test('others are served while a hundred thousand conflicts are found and listed', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    await push(device, creating({ games: games(100_000) }), lastPulledAt);
    const renamed = many(100_000, (n) => ({ id: `g${n}`, name: 'Mine' }));
    const begin = await pushing(device, updating({ games: renamed }), lastPulledAt);
    const reply = await expectOthersServed(begin(), await app().newDevice());
    expectProblem(reply, 409, 'PUSH_CONFLICT');
    expect(reply.body.conflicts).toHaveLength(100_000);
  });
});
