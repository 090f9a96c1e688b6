import { forEachDatabase } from '../support/app.js';
import { clockOf, liveRows } from '../support/exchange.js';
import { Phone } from '../support/phone.js';
import { evening } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** Writes a game under way into a phone, as an app does while it is offline. */
async function playEvening(phone: Phone, prefix: string): Promise<void> {
  for (const [table, rows] of Object.entries(evening(prefix))) await phone.createAll(table, rows);
}

forEachDatabase((database) => {
  const app = shareApp(database);

  test('an empty sync pulls nothing, pushes nothing and remembers when it was', async () => {
    const phone = await Phone.open(app().url);

    await phone.sync();

    expect(await phone.everything()).toEqual({ games: [], game_players: [], rounds: [], scores: [] });
    expect(phone.network.count('push')).toBe(0);
    expect(await phone.lastPulledAt()).toBe(phone.network.last('pull').answered.timestamp);
  });

  test('a first sync names no last_pulled_at, the next one the timestamp it was answered', async () => {
    const phone = await Phone.open(app().url);

    await phone.sync();
    const { timestamp, history_id } = phone.network.last('pull').answered;
    expect(phone.network.last('pull').query.has('last_pulled_at')).toBe(false);
    await phone.sync();

    const { query } = phone.network.last('pull');
    expect(Object.fromEntries(query)).toMatchObject({ last_pulled_at: String(timestamp), history_id });
  });

  test('with nothing to push, nothing is pushed and the clock stands still', async () => {
    const phone = await Phone.open(app().url);
    await playEvening(phone, 'a');
    await phone.sync();
    await phone.sync();
    const before = await phone.lastPulledAt();
    phone.network.exchanges.length = 0;

    await phone.sync();

    expect(phone.network.exchanges.map(({ request, status }) => [request, status])).toEqual([['pull', 200]]);
    expect(await phone.lastPulledAt()).toBe(before);
  });

  test('what was created offline is on the server after one sync, and synced on the phone', async () => {
    const phone = await Phone.open(app().url);
    await playEvening(phone, 'a');
    expect(await phone.unsyncedCount()).toBe(6);

    await phone.sync();

    const { history_id, checkpoint } = phone.network.last('pull').answered;
    expect(Object.fromEntries(phone.network.last('push').query)).toEqual({
      schema_version: '1',
      history_id,
      checkpoint,
    });
    expect(await phone.unsyncedCount()).toBe(0);
    expect(await liveRows(phone.device)).toEqual(await phone.everything());
    expect((await phone.rows('scores')).map((row) => row.id)).toEqual(['a-score-ada', 'a-score-bob']);
  });

  test('creations, edits and deletions travel to another device', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair({ name: 'tablet' });
    await playEvening(phone, 'a');
    await phone.sync();
    await tablet.sync();
    expect(await tablet.everything()).toEqual(await phone.everything());

    await phone.update('games', 'a-game', { name: 'The final', status: 'finished', winner_id: 'a-ada' });
    await phone.delete('scores', 'a-score-bob');
    const added = await phone.create('rounds', { game_id: 'a-game', round_number: 2, created_at: 5 });
    await phone.sync();
    await tablet.sync();

    expect(await tablet.everything()).toEqual(await phone.everything());
    expect(await tablet.find('games', 'a-game')).toMatchObject({ name: 'The final', winner_id: 'a-ada' });
    expect(await tablet.find('scores', 'a-score-bob')).toBeNull();
    expect(await tablet.find('rounds', added)).toMatchObject({ round_number: 2 });
    expect(await tablet.unsyncedCount()).toBe(0);
  });

  test('a deleted game takes its players, rounds and scores along on every device', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    await playEvening(phone, 'a');
    await playEvening(phone, 'b');
    await phone.sync();
    await tablet.sync();

    await tablet.delete('games', 'a-game');
    await tablet.sync();
    await tablet.sync(); // pulls the cascade
    await phone.sync();

    expect((await phone.rows('scores')).map((row) => row.id)).toEqual(['b-score-ada', 'b-score-bob']);
    expect(await phone.everything()).toEqual(await tablet.everything());
    expect(await liveRows(phone.device)).toEqual(await phone.everything());
  });

  test("a device's own push comes back unchanged with its next pull, and only once", async () => {
    const phone = await Phone.open(app().url);
    await playEvening(phone, 'a');
    await phone.sync();

    await phone.sync();
    const echo = phone.network.last('pull').answered.changes;
    await phone.sync();
    const after = phone.network.last('pull').answered.changes;

    expect(echo.scores.updated).toHaveLength(2);
    expect(after.scores.updated).toHaveLength(0);
    expect(await phone.unsyncedCount()).toBe(0);
  });

  test('a row created and deleted between two syncs leaves no trace on the other device', async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    await phone.sync();
    await phone.create('games', { name: 'A mistake' }, 'oops');
    await phone.delete('games', 'oops');

    await phone.sync();
    await tablet.sync();

    expect(await tablet.rows('games')).toEqual([]);
    expect(await phone.unsyncedCount()).toBe(0);
  });

  test("every kind of value survives the way through the server, the other device's database included", async () => {
    const phone = await Phone.open(app().url);
    const tablet = await phone.pair();
    const names = ['', ' ', 'Ünïcödé 🂡 👩‍👩‍👧', '"quoted" \\ back\nslash', '\u2028\u2029', 'null', '0'];
    await phone.createAll('games', [
      { name: null, ended_at: null },
      { started_at: Number.MAX_SAFE_INTEGER, target_score: Number.MIN_SAFE_INTEGER },
      ...names.map((name) => ({ name })),
    ]);
    const written = await phone.rows('games');

    await phone.sync();
    await tablet.sync();
    await phone.sync();

    expect(await tablet.rows('games')).toEqual(written);
    expect(await phone.rows('games')).toEqual(written);
  });

  test('two accounts with the same ids stay apart', async () => {
    const ours = await Phone.open(app().url);
    const theirs = await Phone.open(app().url);
    await playEvening(ours, 'a');
    await playEvening(theirs, 'a');
    await theirs.update('games', 'a-game', { name: 'Theirs' });

    await ours.sync();
    await theirs.sync();
    await theirs.delete('scores', 'a-score-bob');
    await theirs.sync();
    await ours.sync();

    expect(await ours.find('games', 'a-game')).toMatchObject({ name: 'Friday evening' });
    expect(await ours.rows('scores')).toHaveLength(2);
    expect(await theirs.rows('scores')).toHaveLength(1);
  });

  test('a push moves the clock, but last_pulled_at only follows with the next pull', async () => {
    const phone = await Phone.open(app().url);
    await playEvening(phone, 'a');

    await phone.sync();
    const pulled = phone.network.last('pull').answered.timestamp;
    const pushed = phone.network.last('push').answered.timestamp;

    expect(pushed).toBeGreaterThan(pulled);
    expect(await phone.lastPulledAt()).toBe(pulled);
    await phone.sync();
    expect(await phone.lastPulledAt()).toBe(await clockOf(phone.device));
  });
});
