import { SyncError } from '../../examples/watermelondb/sync.js';
import { forEachDatabase } from '../support/app.js';
import { clockOf, liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { evening } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

async function failureOf(sync: Promise<void>): Promise<unknown> {
  return sync.then(
    () => 'no failure',
    (reason: unknown) => reason,
  );
}

forEachDatabase((database) => {
  const app = shareApp(database);

  /** Two phones of one account; the first has an evening that it has not pushed. */
  async function twoPhones(): Promise<[kitchen: Phone, basement: Phone]> {
    const kitchen = await Phone.open(app().url, { name: 'kitchen' });
    const basement = await kitchen.pair({ name: 'basement' });
    for (const [table, rows] of Object.entries(evening('a'))) await kitchen.createAll(table, rows);
    return [kitchen, basement];
  }

  test('a failed pull changes nothing here; the next sync makes up for it', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    await basement.create('games', { name: 'From below' }, 'b');
    await basement.sync();
    const before = { rows: await kitchen.everything(), lastPulledAt: await kitchen.lastPulledAt() };

    kitchen.network.next('pull', { fault: 'lost request' });
    expect(await failureOf(kitchen.sync())).toMatchObject({ code: 'NO_ANSWER', status: 0 });
    kitchen.network.next('pull', { fault: 'lost response' });
    expect(await failureOf(kitchen.sync())).toBeInstanceOf(SyncError);
    expect({ rows: await kitchen.everything(), lastPulledAt: await kitchen.lastPulledAt() }).toEqual(before);

    await kitchen.sync();
    expect(await kitchen.find('games', 'b')).toMatchObject({ name: 'From below' });
  });

  test('a pull that is sent twice is applied once', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    basement.network.next('pull', { fault: 'duplicated request' });

    await basement.sync();

    expect(await basement.everything()).toEqual(await kitchen.everything());
  });

  test('a push that never arrives leaves everything unsynced, and what was pulled stays', async () => {
    const [kitchen, basement] = await twoPhones();
    await basement.create('games', { name: 'From below' }, 'b');
    await basement.sync();
    kitchen.network.next('push', { fault: 'lost request' });

    expect(await failureOf(kitchen.sync())).toMatchObject({ code: 'NO_ANSWER' });
    expect(await kitchen.unsyncedCount()).toBe(6);
    expect(await kitchen.find('games', 'b')).not.toBeNull();
    expect(await liveRows(kitchen.device)).toMatchObject({ rounds: [], scores: [] });

    await kitchen.sync();
    expect(await kitchen.unsyncedCount()).toBe(0);
    expect(await liveRows(kitchen.device)).toEqual(await kitchen.everything());
  });

  test('a push whose answer is lost is pushed again without any effect', async () => {
    const [kitchen, basement] = await twoPhones();
    kitchen.network.next('push', { fault: 'lost response' });

    await failureOf(kitchen.sync());
    expect(await kitchen.unsyncedCount()).toBe(6);
    await basement.sync();
    const clock = await clockOf(kitchen.device);
    await kitchen.sync();

    expect(kitchen.network.last('push').status).toBe(200);
    expect(kitchen.network.last('push').answered.timestamp).toBe(clock);
    expect(await clockOf(kitchen.device)).toBe(clock);
    expect(await kitchen.unsyncedCount()).toBe(0);
    await basement.sync();
    expect(await basement.everything()).toEqual(await kitchen.everything());
  });

  test('a lost answer, then an edit elsewhere, then an edit here: the last word of each column holds', async () => {
    const [kitchen, basement] = await twoPhones();
    kitchen.network.next('push', { fault: 'lost response' });
    await failureOf(kitchen.sync());
    await basement.sync();
    await basement.update('games', 'a-game', { target_score: 250 });
    await basement.sync();
    await kitchen.update('games', 'a-game', { name: 'Saturday' });

    await kitchen.sync();
    await basement.sync();

    expect(await basement.find('games', 'a-game')).toMatchObject({ name: 'Saturday', target_score: 250 });
    expect(await liveRows(kitchen.device)).toEqual(await basement.everything());
  });

  test('a deletion whose answer is lost stays a deletion', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    await basement.sync();
    await kitchen.delete('games', 'a-game');
    kitchen.network.next('push', { fault: 'lost response' });
    await failureOf(kitchen.sync());

    await kitchen.sync();
    await kitchen.sync();
    await basement.sync();

    expect(await kitchen.everything()).toEqual({ games: [], game_players: [], rounds: [], scores: [] });
    expect(await basement.everything()).toEqual(await kitchen.everything());
    expect(await kitchen.unsyncedCount()).toBe(0);
  });

  test('a push that arrives twice counts once', async () => {
    const [kitchen, basement] = await twoPhones();
    kitchen.network.next('push', { fault: 'duplicated request' });

    await kitchen.sync();
    await basement.sync();

    expect(await kitchen.unsyncedCount()).toBe(0);
    expect(await basement.everything()).toEqual(await kitchen.everything());
    expect(await clockOf(kitchen.device)).toBe(kitchen.network.last('push').answered.timestamp);
  });

  test('a long spell without a connection ends with everything in its place', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    await basement.sync();
    basement.network.isOffline = true;
    for (let round = 2; round < 12; round += 1) {
      await basement.create('rounds', { game_id: 'a-game', round_number: round, created_at: round });
      expect(await failureOf(basement.sync())).toMatchObject({ code: 'NO_ANSWER' });
      await kitchen.update('games', 'a-game', { target_score: round * 10 });
      await kitchen.sync();
    }
    expect(await basement.unsyncedCount()).toBe(10);

    basement.network.isOffline = false;
    await basement.sync();
    await kitchen.sync();

    expect(await kitchen.rows('rounds')).toHaveLength(11);
    expect(await kitchen.everything()).toEqual(await basement.everything());
  });

  test('an edit made while a pull is under way is merged and pushed by the same sync', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    await basement.sync();
    await basement.update('games', 'a-game', { target_score: 250 });
    await basement.sync();
    kitchen.network.next('pull', {
      after: () => kitchen.update('games', 'a-game', { name: 'Typed meanwhile' }),
    });

    await kitchen.sync();

    expect(await kitchen.unsyncedCount()).toBe(0);
    await basement.sync();
    expect(await basement.find('games', 'a-game')).toMatchObject({
      name: 'Typed meanwhile',
      target_score: 250,
    });
  });

  test('what is created or edited while a push is under way stays unsynced until the next sync', async () => {
    const [kitchen, basement] = await twoPhones();
    await kitchen.sync();
    await kitchen.update('games', 'a-game', { name: 'First' });
    kitchen.network.next('push', {
      after: async () => {
        await kitchen.update('games', 'a-game', { name: 'Second' });
        await kitchen.create('games', { name: 'Another' }, 'b');
      },
    });

    await kitchen.sync();
    expect(await kitchen.unsyncedCount()).toBe(2);
    expect((await liveRows(kitchen.device)).games).toMatchObject([{ name: 'First' }]);

    await kitchen.sync();
    await basement.sync();
    expect(await basement.rows('games')).toMatchObject([{ name: 'Second' }, { name: 'Another' }]);
    expect(await kitchen.unsyncedCount()).toBe(0);
  });

  test('a row that is created, and edited while its creation is being pushed, keeps the edit', async () => {
    const [kitchen, basement] = await twoPhones();
    kitchen.network.next('push', {
      before: () => kitchen.update('games', 'a-game', { name: 'Edited in flight' }),
    });

    await kitchen.sync();
    expect((await liveRows(kitchen.device)).games).toMatchObject([{ name: 'Friday evening' }]);
    expect(await kitchen.find('games', 'a-game')).toMatchObject({ name: 'Edited in flight' });
    expect(await kitchen.unsyncedCount()).toBe(1);

    await kitchen.sync();
    await basement.sync();
    expect(await basement.find('games', 'a-game')).toMatchObject({ name: 'Edited in flight' });
    expect(await kitchen.everything()).toEqual(await basement.everything());
    expect(await kitchen.unsyncedCount()).toBe(0);
  });

  test('a row that is created, and deleted while its creation is being pushed, ends deleted', async () => {
    const [kitchen, basement] = await twoPhones();
    kitchen.network.next('push', { after: () => kitchen.delete('scores', 'a-score-bob') });

    await kitchen.sync();
    await kitchen.sync();
    await basement.sync();

    expect((await basement.rows('scores')).map((row) => row.id)).toEqual(['a-score-ada']);
    expect(await kitchen.everything()).toEqual(await basement.everything());
  });
});
