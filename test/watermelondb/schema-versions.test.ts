import {
  boolean,
  choice,
  integer,
  optionalRef,
  real,
  ref,
  text,
  timestamp,
} from '../../src/protocol/columns.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { secondSchema } from '../support/records.js';

/** The declared tables and one more, with a column of every kind. */
const fiveTables = declareSchema({
  ...tables,
  comments: {
    since: 1,
    columns: {
      game_id: ref('games'),
      player_id: optionalRef('game_players'),
      body: text({ max: 50 }),
      language: text({ optional: true }),
      mood: choice(['happy', 'sad'], { default: 'happy' }),
      likes: integer({ default: 1 }),
      weight: real(),
      written_at: timestamp(),
      is_pinned: boolean(),
      is_seen: boolean({ optional: true }),
    },
  },
});

forEachDatabase((database) => {
  test('a fifth table by one declaration syncs through a real client', async () => {
    await using app = await startApp(database, { schema: fiveTables });
    const phone = await Phone.open(app.url, { schema: fiveTables });
    const tablet = await phone.pair();
    await phone.create('games', { name: 'Friday' }, 'g');
    await phone.createAll('comments', [
      { id: 'c1', game_id: 'g', body: 'Well played', weight: 0.1, is_pinned: true, written_at: 5 },
      {
        id: 'c2',
        game_id: 'g',
        body: '',
        mood: 'sad',
        likes: 0,
        weight: -1.5e-300,
        is_seen: false,
        language: 'de',
      },
    ]);

    await phone.sync();
    await tablet.sync();
    expect(await tablet.everything()).toEqual(await phone.everything());
    expect(await tablet.rows('comments')).toHaveLength(2);

    await tablet.update('comments', 'c1', { likes: 2, is_seen: true, language: null });
    await tablet.delete('comments', 'c2');
    await tablet.sync();
    await phone.sync();
    expect(await phone.rows('comments')).toMatchObject([{ id: 'c1', likes: 2, is_seen: true, weight: 0.1 }]);
    expect(await liveRows(phone.device)).toEqual(await phone.everything());

    await phone.delete('games', 'g');
    await phone.sync();
    await tablet.sync();
    expect(await tablet.rows('comments')).toEqual([]);
  });

  test('an old and a new release of an app work side by side on a server of schema version 2', async () => {
    await using app = await startApp(database, { schema: secondSchema });
    const old = await Phone.open(app.url, { name: 'old', schema: secondSchema, version: 1 });
    const recent = await old.pair({ name: 'recent', version: 2 });
    await old.create('games', { name: 'Made by the old' }, 'g');
    await old.sync();
    await recent.sync();
    expect(await recent.find('games', 'g')).toMatchObject({ note: '', referee: null, minutes_a_turn: 2 });

    await recent.create('venues', { name: 'The basement' }, 'v');
    await recent.update('games', 'g', { note: 'Rematch', is_ranked: true, venue_id: 'v', minutes_a_turn: 5 });
    await recent.sync();
    await old.sync();
    expect(old.network.last('pull').answered.changes).not.toHaveProperty('venues');
    await old.update('games', 'g', { name: 'Renamed by the old' });
    await old.sync();
    await recent.sync();

    expect(await recent.find('games', 'g')).toMatchObject({
      name: 'Renamed by the old',
      note: 'Rematch',
      is_ranked: true,
      venue_id: 'v',
      minutes_a_turn: 5,
    });
    expect(old.tables).not.toContain('venues');
  });

  test('an updated app asks for what its migration added, and then holds the same as everyone', async () => {
    await using app = await startApp(database, { schema: secondSchema });
    const old = await Phone.open(app.url, { name: 'old', schema: secondSchema, version: 1 });
    const recent = await old.pair({ name: 'recent', version: 2 });
    await recent.create('venues', { name: 'The basement' }, 'v');
    await recent.createAll('games', [
      { id: 'plain', name: 'Nothing new in it', minutes_a_turn: 0 },
      { id: 'noted', name: 'Noted', note: 'Rematch', venue_id: 'v' },
    ]);
    await recent.sync();
    await old.sync();
    await old.sync();
    await old.update('games', 'noted', { name: 'Renamed offline, before the update' });

    await old.restart({ version: 2 });
    await old.sync();
    expect(JSON.parse(old.network.last('pull').query.get('migration')!)).toMatchObject({
      from: 1,
      tables: ['venues'],
      columns: [{ table: 'games', columns: expect.arrayContaining(['note', 'venue_id']) }],
    });
    const { changes } = old.network.exchanges.filter(({ request }) => request === 'pull').at(-1)!.answered;
    expect(changes.games.updated.map((row: { id: string }) => row.id)).toEqual(['noted']);

    await recent.sync();
    expect(await old.everything()).toEqual(await recent.everything());
    expect(await old.find('games', 'noted')).toMatchObject({
      name: 'Renamed offline, before the update',
      note: 'Rematch',
    });
    await old.sync();
    expect(old.network.last('pull').query.has('migration')).toBe(false);
  });

  test('a column added in schema version 2 reaches rows that were stored under version 1', async () => {
    await using before = await startApp(database);
    const phone = await Phone.open(before.url);
    const tablet = await phone.pair({ name: 'tablet' });
    await phone.create('games', { name: 'From before' }, 'g');
    await phone.sync();
    await tablet.sync();
    await before.stop();

    await using app = await startApp(database, { schema: secondSchema, storage: before.storage });
    phone.network.url = app.url;
    tablet.network.url = app.url;
    await phone.restart({ schema: secondSchema });
    await phone.sync();
    expect(await phone.find('games', 'g')).toMatchObject({
      name: 'From before',
      note: '',
      minutes_a_turn: 2,
    });
    await phone.update('games', 'g', { note: 'Now noted' });
    await phone.sync();

    // The tablet still has the old app; it edits, is updated later, and then has all data.
    await tablet.update('games', 'g', { target_score: 300 });
    await tablet.sync();
    await tablet.restart({ schema: secondSchema });
    await tablet.sync();
    await phone.sync();

    expect(await tablet.find('games', 'g')).toMatchObject({ note: 'Now noted', target_score: 300 });
    expect(await tablet.everything()).toEqual(await phone.everything());
  });

  test('an app newer than the server keeps everything and syncs once the server is updated', async () => {
    await using before = await startApp(database);
    const phone = await Phone.open(before.url);
    await phone.create('games', { name: 'Friday' }, 'g');
    await phone.sync();
    await phone.restart({ schema: secondSchema });
    await phone.create('venues', { name: 'The basement' }, 'v');
    await phone.update('games', 'g', { note: 'Ahead of its server', venue_id: 'v' });

    await expect(phone.sync()).rejects.toMatchObject({ code: 'SCHEMA_AHEAD', status: 409 });
    expect(await phone.unsyncedCount()).toBe(2);
    await before.stop();

    await using app = await startApp(database, { schema: secondSchema, storage: before.storage });
    phone.network.url = app.url;
    await phone.sync();
    const fresh = await phone.pair();
    await fresh.sync();
    expect(await fresh.find('games', 'g')).toMatchObject({ note: 'Ahead of its server', venue_id: 'v' });
    expect(await fresh.rows('venues')).toMatchObject([{ id: 'v', name: 'The basement' }]);
    expect(await fresh.everything()).toEqual(await phone.everything());
  });
});
