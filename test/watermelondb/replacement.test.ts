import { RetentionService } from '../../src/sync/retention.service.js';
import { forEachDatabase, startApp, type DatabaseName, type TestApp } from '../support/app.js';
import { liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { evening } from '../support/records.js';
import { TestClock } from '../support/shared-app.js';

const DAY_MS = 86_400_000;

forEachDatabase((database) => {
  test('a phone that was away longer than deletions are remembered is replaced, its own new rows kept', async () => {
    await using season = await startSeason(database);
    const { kitchen, basement } = season;
    await basement.create('games', { name: 'Played below' }, 'below');
    await basement.update('games', 'b-game', { name: 'Renamed below' });
    await kitchen.delete('games', 'a-game');
    await kitchen.sync();
    await kitchen.create('games', { name: 'After that' }, 'after');
    await season.forget(31);
    await kitchen.sync();

    await basement.sync();

    expect(basement.network.last('pull').answered.experimentalStrategy).toBe('replacement');
    expect(await basement.find('games', 'a-game')).toBeNull();
    expect(await basement.find('games', 'b-game')).toMatchObject({ name: 'Renamed below' });
    expect(await basement.find('games', 'below')).not.toBeNull();
    expect(await basement.find('games', 'after')).not.toBeNull();
    expect(await basement.unsyncedCount()).toBe(0);
    await kitchen.sync();
    expect(await kitchen.everything()).toEqual(await basement.everything());
    expect(await liveRows(kitchen.device)).toEqual(await kitchen.everything());
  });

  test('after a replacement, syncs are incremental again', async () => {
    await using season = await startSeason(database);
    const { kitchen, basement } = season;
    await kitchen.delete('games', 'a-game');
    await kitchen.sync();
    await season.forget(31);

    await basement.sync();
    await kitchen.update('games', 'b-game', { name: 'Later' });
    await kitchen.sync();
    await basement.sync();

    const { experimentalStrategy, changes } = basement.network.last('pull').answered;
    expect(experimentalStrategy).toBeUndefined();
    expect(changes.scores.updated).toEqual([]);
    expect(await basement.everything()).toEqual(await kitchen.everything());
  });

  test('a local deletion that was not pushed survives a replacement', async () => {
    await using season = await startSeason(database);
    const { kitchen, basement } = season;
    await basement.delete('scores', 'b-score-bob');
    await kitchen.delete('games', 'a-game');
    await kitchen.sync();
    await season.forget(31);

    await basement.sync();
    await kitchen.sync();

    expect((await kitchen.rows('scores')).map((row) => row.id)).toEqual(['b-score-ada']);
    expect(await basement.everything()).toEqual(await kitchen.everything());
  });

  test('a replacement carries the deletions that are still remembered, for rows created here meanwhile', async () => {
    await using season = await startSeason(database);
    const { kitchen, basement } = season;
    // The server has stored this row, but its answer was lost: on the phone the row still counts as new.
    await basement.create('games', { name: 'Half arrived' }, 'half');
    basement.network.next('push', { fault: 'lost response' });
    await expect(basement.sync()).rejects.toMatchObject({ code: 'NO_ANSWER' });
    await kitchen.delete('games', 'a-game');
    await kitchen.sync();
    await season.forget(31);
    await kitchen.delete('games', 'half');
    await kitchen.sync();

    await basement.sync();

    expect(basement.network.last('pull').answered.experimentalStrategy).toBe('replacement');
    expect(await basement.find('games', 'half')).toBeNull();
    expect(await basement.everything()).toEqual(await kitchen.everything());
  });

  test('a phone that was away for less pulls as usual', async () => {
    await using season = await startSeason(database);
    const { kitchen, basement } = season;
    await kitchen.delete('games', 'a-game');
    await kitchen.sync();
    await season.forget(29);

    await basement.sync();

    expect(basement.network.last('pull').answered).not.toHaveProperty('experimentalStrategy');
    expect(await basement.find('games', 'a-game')).toBeNull();
    await kitchen.sync(); // pulls the cascade of its own deletion
    expect(await basement.everything()).toEqual(await kitchen.everything());
  });
});

interface Season extends AsyncDisposable {
  kitchen: Phone;
  basement: Phone;
  /** Moves the server's clock by days, and then purges old deletions. */
  forget(days: number): Promise<void>;
}

/** Two phones in sync, with two games, on a server that remembers deletions for 30 days. */
async function startSeason(database: DatabaseName): Promise<Season> {
  const clock = new TestClock();
  const app: TestApp = await startApp(database, { now: clock.now, env: { TOMBSTONE_RETENTION_DAYS: '30' } });
  const kitchen = await Phone.open(app.url, { name: 'kitchen' });
  const basement = await kitchen.pair({ name: 'basement' });
  for (const prefix of ['a', 'b']) {
    for (const [table, rows] of Object.entries(evening(prefix))) await kitchen.createAll(table, rows);
  }
  await kitchen.sync();
  await basement.sync();
  await kitchen.sync();
  return {
    kitchen,
    basement,
    forget: async (days) => {
      clock.ms += days * DAY_MS;
      await app.nest.get(RetentionService).purge();
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}
