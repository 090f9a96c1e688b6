import { forEachDatabase, startApp } from '../support/app.js';
import { changedIds, clockOf, findRow, pull, push, store } from '../support/exchange.js';
import { creating, deleting, evening, game, games, updating } from '../support/records.js';
import { shareApp, TestClock } from '../support/shared-app.js';

/** records.md, "The clock". */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('a changing push takes the stamp max(now, clock + 1)', async () => {
    const clock = new TestClock();
    await using own = await startApp(database, { now: clock.now });
    const device = await own.newDevice();
    const start = await clockOf(device);
    expect(start).toBeLessThanOrEqual(clock.ms);
    clock.ms += 1_000;
    const first = await push(device, creating({ games: [game('g1')] }), start);
    expect(first.timestamp).toBe(clock.ms);
    const second = await push(device, creating({ games: [game('g2')] }), first.timestamp);
    expect(second.timestamp).toBe(clock.ms + 1);
    const third = await push(device, creating({ games: [game('g3')] }), second.timestamp);
    expect(third.timestamp).toBe(clock.ms + 2);
    clock.ms += 500;
    const fourth = await push(device, creating({ games: [game('g4')] }), third.timestamp);
    expect(fourth.timestamp).toBe(clock.ms);
    expect(await clockOf(device)).toBe(fourth.timestamp);
  });

  test("the machine's clock stepping back never makes the timestamp fall", async () => {
    const clock = new TestClock();
    await using own = await startApp(database, { now: clock.now });
    const device = await own.newDevice();
    clock.ms += 10_000;
    const before = await store(device, { games: [game('g1')] });
    clock.ms -= 60_000;
    expect(await clockOf(device)).toBe(before);
    const pushed = await push(device, creating({ games: [game('g2')] }), before);
    expect(pushed.timestamp).toBe(before + 1);
    expect(await changedIds(device, before)).toEqual({ games: { updated: ['g2'], deleted: [] } });
    clock.ms += 120_000;
    const later = await push(device, creating({ games: [game('g3')] }), pushed.timestamp);
    expect(later.timestamp).toBe(clock.ms);
  });

  test('a push moves the clock once: all its rows and all it cascades to carry the same stamp', async () => {
    const clock = new TestClock();
    await using own = await startApp(database, { now: clock.now });
    const device = await own.newDevice();
    const lastPulledAt = await store(device, evening('a'));
    const pushed = { ...creating(evening('b')), ...deleting({ games: ['a-game'] }) };
    const { timestamp } = await push(device, pushed, lastPulledAt);
    expect(timestamp).toBe(lastPulledAt + 1); // no stamp lies between
    const before = await changedIds(device, lastPulledAt);
    expect(Object.values(before).flatMap((ids) => ids.deleted)).toHaveLength(6);
    expect(Object.values(before).flatMap((ids) => ids.updated)).toHaveLength(5);
    expect(await changedIds(device, timestamp)).toEqual({});
  });

  test('an account with no record has a clock above 0, and its first timestamp can be passed again', async () => {
    const device = await app().newDevice();
    const timestamp = await clockOf(device);
    expect(Number.isSafeInteger(timestamp)).toBe(true);
    expect(timestamp).toBeGreaterThan(0);
    expect((await pull(device, timestamp)).timestamp).toBe(timestamp);
  });

  test('the filter of a pull is strict: a row stamped with last_pulled_at itself does not come again', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    const lastPulledAt = await store(device, { games: [game('g1')] });
    expect(await changedIds(device, lastPulledAt)).toEqual({});
    expect(await changedIds(device, before)).toEqual({ games: { updated: ['g1'], deleted: [] } });
  });

  test('the conflict test is strict: a row stamped with last_pulled_at itself may be changed', async () => {
    const device = await app().newDevice();
    const before = await clockOf(device);
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const changed = updating({ games: [game('g1', { name: 'New' })] });
    expect((await device.push(changed, before)).body).toMatchObject({ code: 'PUSH_CONFLICT' });
    expect((await device.push(changed, lastPulledAt)).status).toBe(200);
  });

  test('a pull with nothing new answers the same timestamp, empty arrays and Tidemark-Rows: 0', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    const reply = await device.pull({ last_pulled_at: lastPulledAt });
    expect(reply.body.timestamp).toBe(lastPulledAt);
    expect(reply.headers.get('tidemark-rows')).toBe('0');
    for (const rows of Object.values(reply.body.changes))
      expect(rows).toEqual({ created: [], updated: [], deleted: [] });
  });

  test("the clocks of two accounts are apart: one account's pushes do not move the other's", async () => {
    const device = await app().newDevice();
    const other = await app().newDevice();
    const before = await clockOf(other);
    await store(device, { games: games(3) });
    expect(await clockOf(other)).toBe(before);
  });

  test("a stamp of another device lies between a pull and the answer of a push: only the pull's timestamp finds it", async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    const lastPulledAt = await clockOf(device);
    await push(other, creating({ games: [game('theirs')] }), lastPulledAt);
    const mine = await push(device, creating({ games: [game('mine')] }), lastPulledAt);
    expect(await changedIds(device, mine.timestamp)).toEqual({});
    expect((await changedIds(device, lastPulledAt)).games?.updated).toEqual(['mine', 'theirs']);
  });

  test('clock order is commit order: a reader that follows the timestamps misses no push of many at once', async () => {
    const reader = await app().newDevice();
    const writers = [await reader.pair(), await reader.pair(), await reader.pair(), await reader.pair()];
    let lastPulledAt = await clockOf(reader);
    let isWriting = true;
    const stamps: number[] = [];
    const writing = Promise.all(
      writers.map(async (writer, index) => {
        for (let n = 0; n < 10; n += 1) {
          const rows = { games: games(index === 0 ? 40 : 1, `w${index}-${n}-`) };
          stamps.push((await push(writer, creating(rows), lastPulledAt)).timestamp);
        }
      }),
    ).finally(() => (isWriting = false));
    const seen = new Set<string>();
    for (let isLast = false; !isLast;) {
      isLast = !isWriting;
      const { changes, timestamp } = await pull(reader, lastPulledAt);
      for (const row of changes.games?.updated ?? []) seen.add(row.id);
      expect(timestamp).toBeGreaterThanOrEqual(lastPulledAt);
      lastPulledAt = timestamp;
    }
    await writing;
    expect(seen.size).toBe(10 * 40 + 3 * 10);
    expect(new Set(stamps).size).toBe(40);
    expect(lastPulledAt).toBe(Math.max(...stamps));
    expect(await findRow(reader, 'games', 'w3-9-0')).toBeDefined();
  });
});
