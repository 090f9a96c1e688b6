import { forEachDatabase, startApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { changedIds, expectProblem, liveRows, pull, push, stateOf, store } from '../support/exchange.js';
import { creating, deleting, evening, game, games, updating } from '../support/records.js';
import { TestClock } from '../support/shared-app.js';
import { RetentionService } from '../../src/sync/retention.service.js';

const DAY = 24 * 60 * 60 * 1000;

/** records.md, "Retention". */
forEachDatabase((database) => {
  async function startWithRetention(days?: number) {
    const clock = new TestClock();
    const env: Record<string, string> = days === undefined ? {} : { TOMBSTONE_RETENTION_DAYS: String(days) };
    const app = await startApp(database, { now: clock.now, env });
    const purge = () => app.nest.get(RetentionService).purge();
    const pass = async (passed: number, device: TestDevice) => {
      clock.ms += passed * DAY;
      await device.refresh();
    };
    return { app, purge, pass };
  }

  /**
   * An account with old deletions: `older`, then `old` deleted (the latter at `horizon`), 40 days later `young` (at
   * `newest`); `kept` is alive; then a purge. `away` is the last pull of a device from before all of that.
   */
  async function longAgo(days = 30) {
    const { app, purge, pass } = await startWithRetention(days);
    const device = await app.newDevice();
    const away = await store(device, { games: ['older', 'old', 'young', 'kept'].map((id) => game(id)) });
    await pass(1, device);
    const first = await push(device, deleting({ games: ['older'] }), away);
    const second = await push(device, deleting({ games: ['old'] }), first.timestamp);
    await pass(40, device);
    const third = await push(device, deleting({ games: ['young'] }), second.timestamp);
    await purge();
    return { app, purge, pass, device, away, horizon: second.timestamp, newest: third.timestamp };
  }

  test('by default tombstones are kept for ever', async () => {
    const { app, purge, pass } = await startWithRetention();
    await using _app = app;
    const device = await app.newDevice();
    const away = await store(device, evening('a'));
    await push(device, deleting({ games: ['a-game'] }), away);
    await pass(3_000, device);
    await purge();
    const ids = await changedIds(device, away);
    expect(Object.values(ids).flatMap((table) => table.deleted)).toHaveLength(6);
  });

  test('live rows are never purged, however old', async () => {
    const { app, pass, purge, device } = await longAgo();
    await using _app = app;
    await pass(3_000, device);
    await purge();
    expect((await liveRows(device)).games).toEqual([game('kept')]);
  });

  test('a pull from the horizon on gets the deletions still held, as ever', async () => {
    const { app, device, horizon, newest } = await longAgo();
    await using _app = app;
    const pulled = await pull(device, horizon);
    expect(pulled.experimentalStrategy).toBeUndefined();
    expect(pulled.changes.games).toEqual({ created: [], updated: [], deleted: ['young'] });
    expect(await changedIds(device, newest)).toEqual({});
  });

  test('a pull between origin and horizon is refused with RESYNC_REQUIRED', async () => {
    const { app, device, away, horizon } = await longAgo();
    await using _app = app;
    expectProblem(await device.pull({ last_pulled_at: away }), 409, 'RESYNC_REQUIRED');
    expectProblem(await device.pull({ last_pulled_at: horizon - 1 }), 409, 'RESYNC_REQUIRED');
    expectProblem(await device.pull({ last_pulled_at: away, replacement: '0' }), 409, 'RESYNC_REQUIRED');
  });

  test('with replacement=1 it gets the full data set as a replacement, with all deletions still held', async () => {
    const { app, device, away, newest } = await longAgo();
    await using _app = app;
    const pulled = await pull(device, away, { replacement: 1 });
    expect(pulled.experimentalStrategy).toBe('replacement');
    expect(pulled.timestamp).toBe(newest);
    expect(pulled.changes.games).toEqual({ created: [], updated: [game('kept')], deleted: ['young'] });
    for (const rows of Object.values(pulled.changes)) {
      expect(Object.keys(rows).sort()).toEqual(['created', 'deleted', 'updated']);
    }
  });

  test('replacement=1 changes nothing for a pull that needs none, nor for a first sync', async () => {
    const { app, device, horizon } = await longAgo();
    await using _app = app;
    for (const lastPulledAt of [horizon, undefined]) {
      const pulled = await pull(device, lastPulledAt, { replacement: 1 });
      expect(pulled).toEqual(await pull(device, lastPulledAt));
      expect(pulled.experimentalStrategy).toBeUndefined();
    }
  });

  test('a push below the horizon is refused with PULL_REQUIRED and changes nothing', async () => {
    const { app, device, away, horizon } = await longAgo();
    await using _app = app;
    const before = await stateOf(device);
    for (const lastPulledAt of [away, horizon - 1]) {
      const reply = await device.push(updating({ games: [game('old', { name: 'Zombie' })] }), lastPulledAt);
      expectProblem(reply, 409, 'PULL_REQUIRED');
    }
    expect(await stateOf(device)).toEqual(before);
    await push(device, creating({ games: [game('new')] }), horizon);
    expect((await liveRows(device)).games).toHaveLength(2);
  });

  test('below the origin it is still HISTORY_CHANGED, not a resync', async () => {
    const { app, device, away } = await longAgo();
    await using _app = app;
    expectProblem(
      await device.pull({ last_pulled_at: away - 10 * DAY, replacement: 1 }),
      409,
      'HISTORY_CHANGED',
    );
  });

  test('deletions younger than the days are kept, and purging again does nothing more', async () => {
    const { app, device, away, purge } = await longAgo(41);
    await using _app = app;
    expect((await pull(device, away)).changes.games?.deleted.sort()).toEqual(['old', 'older', 'young']);
    await purge();
    expect((await pull(device, away)).changes.games?.deleted).toHaveLength(3);
  });

  test('a purge of one account leaves the horizon of another alone', async () => {
    const { app, purge, pass } = await startWithRetention(30);
    await using _app = app;
    const tidy = await app.newDevice();
    const busy = await app.newDevice();
    const away = await store(tidy, { games: games(1) });
    const busyAway = await store(busy, { games: games(1) });
    await push(busy, deleting({ games: ['g0'] }), busyAway);
    await pass(40, tidy);
    await busy.refresh();
    await purge();
    expect(await changedIds(tidy, away)).toEqual({});
    expectProblem(await busy.pull({ last_pulled_at: busyAway }), 409, 'RESYNC_REQUIRED');
  });

  test('more tombstones than one batch holds are purged in one run', async () => {
    const { app, purge, pass } = await startWithRetention(30);
    await using _app = app;
    const device = await app.newDevice();
    const rows = games(12_000);
    const away = await store(device, { games: rows });
    const { timestamp } = await push(device, deleting({ games: rows.map((row) => row.id) }), away);
    await pass(40, device);
    await purge();
    expectProblem(await device.pull({ last_pulled_at: timestamp - 1 }), 409, 'RESYNC_REQUIRED');
    const pulled = await pull(device, timestamp - 1, { replacement: 1 });
    expect(pulled.changes.games).toEqual({ created: [], updated: [], deleted: [] });
  });
});
