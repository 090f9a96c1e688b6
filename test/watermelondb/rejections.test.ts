import { integer, text } from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';
import { forEachDatabase } from '../support/app.js';
import { liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { evening } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test('a row the server cannot take stays unsynced, the rest of the push is synced', async () => {
    const phone = await Phone.open(app().url);
    await phone.create('games', { name: 'x'.repeat(201) }, 'too-long');
    await phone.create('games', { name: 'x'.repeat(200) }, 'just-right');

    await phone.sync();

    expect(phone.network.last('push').answered).toMatchObject({
      ok: true,
      rejected: [{ table: 'games', id: 'too-long', reason: 'TEXT_TOO_LONG' }],
      experimentalRejectedIds: { games: ['too-long'] },
    });
    expect(await phone.unsyncedCount()).toBe(1);
    expect((await liveRows(phone.device)).games?.map((row) => row.id)).toEqual(['just-right']);
  });

  test('it is offered again with every sync, and taken once it is mended', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    await phone.create('games', { name: 'x'.repeat(201) }, 'g');
    await phone.sync();
    await phone.sync();
    expect(phone.network.count('push', 200)).toBe(2);
    expect(await phone.unsyncedCount()).toBe(1);

    await phone.update('games', 'g', { name: 'Shorter' });
    await phone.sync();
    await tablet.sync();

    expect(await phone.unsyncedCount()).toBe(0);
    expect(await tablet.find('games', 'g')).toMatchObject({ name: 'Shorter' });
  });

  test('an edit the server cannot take leaves the stored row as it was on the other devices', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    await phone.create('games', { name: 'Before' }, 'g');
    await phone.sync();
    await phone.update('games', 'g', { name: 'x'.repeat(201), target_score: 7 });

    await phone.sync();
    await tablet.sync();

    expect(await tablet.find('games', 'g')).toMatchObject({ name: 'Before', target_score: 100 });
    expect(await phone.find('games', 'g')).toMatchObject({ target_score: 7 });
    expect(await phone.unsyncedCount()).toBe(1);
  });

  test('rounds scored into a game that was deleted elsewhere are refused and vanish with the next pull', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    for (const [table, rows] of Object.entries(evening('a'))) await phone.createAll(table, rows);
    await phone.sync();
    await tablet.sync();
    await phone.create('rounds', { game_id: 'a-game', round_number: 2 }, 'late-round');
    await phone.create('scores', { round_id: 'late-round', player_id: 'a-ada', raw_score: 9 }, 'late-score');
    await tablet.delete('games', 'a-game');
    await tablet.sync();

    await phone.sync();

    expect(phone.network.last('push').answered.rejected).toEqual(
      expect.arrayContaining([
        { table: 'rounds', id: 'late-round', reason: 'PARENT_DELETED' },
        { table: 'scores', id: 'late-score', reason: 'PARENT_DELETED' },
      ]),
    );
    expect(await phone.unsyncedCount()).toBe(0);
    await phone.sync();
    await tablet.sync();
    expect(await phone.everything()).toEqual({ games: [], game_players: [], rounds: [], scores: [] });
    expect(await tablet.everything()).toEqual(await phone.everything());
  });

  test('rows of a table the server does not know stay unsynced, for the day it does', async () => {
    const withPhotos = declareSchema({
      ...tables,
      photos: { since: 1, columns: { caption: text(), taken_at: integer() } },
    });
    const phone = await Phone.open(app().url, { schema: withPhotos });
    await phone.create('photos', { caption: 'The winner' }, 'p');
    await phone.create('games', { name: 'Friday' }, 'g');

    await phone.sync();
    await phone.sync();

    expect(await phone.unsyncedCount()).toBe(1);
    expect(await phone.find('photos', 'p')).toMatchObject({ caption: 'The winner' });
    expect(phone.network.last('push').answered.experimentalRejectedIds).toEqual({ photos: ['p'] });
    expect((await liveRows(phone.device)).games).toHaveLength(1);
  });
});
