import { setTimeout as sleep } from 'node:timers/promises';
import { synchronize } from '@nozbe/watermelondb/sync/index.js';
import { forEachDatabase } from '../support/app.js';
import { creating, evening, games, score } from '../support/records.js';
import { clockOf, liveRows, push } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { shareApp } from '../support/shared-app.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test('asked several times at once, one sync runs and then one more', async () => {
    const phone = await Phone.open(app().url);
    await phone.create('games', { name: 'Before' }, 'before');
    const first = phone.sync();
    phone.network.next('push', { after: () => phone.create('games', { name: 'Meanwhile' }, 'meanwhile') });

    await Promise.all([first, phone.sync(), phone.sync(), phone.sync()]);

    expect(phone.network.count('pull', 200)).toBe(2);
    expect(await phone.unsyncedCount()).toBe(0);
    expect((await liveRows(phone.device)).games).toHaveLength(2);
  });

  test('a failed sync does not hold up the one that was asked for meanwhile', async () => {
    const phone = await Phone.open(app().url);
    await phone.create('games', { name: 'Friday' }, 'g');
    phone.network.next('pull', { fault: 'lost request' });

    const [first, second] = await Promise.allSettled([phone.sync(), phone.sync()]);

    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
    expect(await phone.unsyncedCount()).toBe(0);
  });

  test('a second synchronize() on one database is aborted by WatermelonDB and harms nothing', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    await tablet.create('games', { name: 'From the tablet' }, 't');
    await tablet.sync();
    await phone.create('games', { name: 'Friday' }, 'g');
    const another = async (): Promise<void> =>
      synchronize({
        database: phone.database,
        sendCreatedAsUpdated: true,
        pullChanges: async () => (await phone.device.pull()).body,
        pushChanges: async ({ changes, lastPulledAt }) =>
          (await phone.device.push(changes, lastPulledAt)).body,
      });

    const outcomes = await Promise.allSettled([phone.sync(), another()]);

    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(
      String((outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult).reason),
    ).toContain('Concurrent synchronization is not allowed');
    await phone.sync();
    await tablet.sync();
    expect(await tablet.everything()).toEqual(await phone.everything());
    expect(await phone.rows('games')).toHaveLength(2);
  });

  test('five phones scoring one game at once lose no score', async () => {
    const kitchen = await Phone.open(app().url);
    for (const [table, rows] of Object.entries(evening('a'))) await kitchen.createAll(table, rows);
    await kitchen.sync();
    const phones = [kitchen, ...(await Promise.all([1, 2, 3, 4].map(() => kitchen.pair())))];
    for (const phone of phones) await phone.sync();

    await Promise.all(
      phones.map(async (phone, index) => {
        for (let turn = 0; turn < 4; turn += 1) {
          const fields = { round_number: turn + 2, game_id: 'a-game', created_at: index };
          const round_id = await phone.create('rounds', fields, `r-${index}-${turn}`);
          await phone.create('scores', {
            round_id,
            player_id: 'a-ada',
            raw_score: index,
            final_score: index,
          });
          await phone.update('game_players', 'a-ada', { current_total: index * 10 + turn });
          await syncUntilAccepted(phone);
        }
      }),
    );
    for (const phone of [...phones, ...phones]) await phone.sync();

    const rows = await liveRows(kitchen.device);
    expect(rows.rounds).toHaveLength(21);
    expect(rows.scores).toHaveLength(22);
    for (const phone of phones) expect(await phone.everything()).toEqual(rows);
  });

  test('a first sync of 20,000 rows arrives whole, and so does a push of 2,000', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    const { scores: _, ...rest } = evening('a');
    const scores = Array.from({ length: 20_000 }, (__, n) =>
      score(`s${n}`, 'a-round', 'a-ada', { raw_score: n }),
    );
    await push(phone.device, creating({ ...rest, scores }), await clockOf(phone.device));

    await tablet.sync();
    expect(await tablet.rows('scores')).toHaveLength(20_000);
    expect(await tablet.everything()).toEqual(await liveRows(phone.device));

    await tablet.createAll('games', games(2_000, 'bulk'));
    await tablet.sync();
    expect(await tablet.unsyncedCount()).toBe(0);
    await phone.sync();
    expect(await phone.everything()).toEqual(await tablet.everything());
  });
});

/** Repeats the sync while others push in between or keep the server busy, as an app does at its next trigger. */
async function syncUntilAccepted(phone: Phone): Promise<void> {
  for (let tries = 1; tries <= 50; tries += 1) {
    const failure = await phone.sync().then(
      () => undefined,
      (reason: unknown) => reason as { code?: string },
    );
    if (!failure) return;
    if (failure.code === 'OVERLOADED') await sleep(1_000);
    else if (failure.code !== 'PUSH_CONFLICT') throw failure as Error;
  }
  throw new Error('50 conflicts in a row');
}
