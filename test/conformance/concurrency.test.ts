import { forEachDatabase } from '../support/app.js';
import { changedIds, clockOf, expectProblem, findRow, liveRows, push, store } from '../support/exchange.js';
import { creating, deleting, evening, game, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** records.md, "Concurrency": simultaneous pushes. test/concurrency and test/convergence have longer runs. */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('two devices pushing different records at once both succeed', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    const lastPulledAt = await clockOf(device);
    const answers = await Promise.all([
      push(device, creating(evening('a')), lastPulledAt),
      push(other, creating(evening('b')), lastPulledAt),
    ]);
    expect(new Set(answers.map(({ timestamp }) => timestamp)).size).toBe(2);
    expect(Object.values(await liveRows(device)).flat()).toHaveLength(12);
  });

  test('of many devices pushing the same record at once exactly one succeeds', async () => {
    const device = await app().newDevice();
    const devices = [device, ...(await Promise.all(Array.from({ length: 5 }, () => device.pair())))];
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const replies = await Promise.all(
      devices.map((each, index) =>
        each.push(updating({ games: [game('g1', { name: `by ${index}` })] }), lastPulledAt),
      ),
    );
    const winner = replies.findIndex((reply) => reply.status === 200);
    expect(replies.filter((reply) => reply.status === 200)).toHaveLength(1);
    for (const reply of replies) {
      if (reply.status !== 200) expectProblem(reply, 409, 'PUSH_CONFLICT');
    }
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1', { name: `by ${winner}` }));
  });

  test('the same push sent twice at once is applied once', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await clockOf(device);
    const pushed = creating(evening('a'));
    const [first, second] = await Promise.all([
      push(device, pushed, lastPulledAt),
      push(device, pushed, lastPulledAt),
    ]);
    expect(first).toEqual(second);
    expect(await clockOf(device)).toBe(first.timestamp);
  });

  test('a game deleted while another device scores it ends deleted, whichever came first', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    const lastPulledAt = await store(device, evening('a'));
    const [deleted, scored] = await Promise.all([
      device.push(deleting({ games: ['a-game'] }), lastPulledAt),
      other.push(
        creating({ scores: [{ id: 'late', round_id: 'a-round', player_id: 'a-ada' }] }),
        lastPulledAt,
      ),
    ]);
    expect([deleted.status, scored.status]).toEqual([200, 200]);
    expect(Object.values(await liveRows(device)).flat()).toEqual([]);
    expect((await changedIds(other, lastPulledAt)).scores?.deleted).toContain('late');
  });

  test('one failing push does not disturb those beside it', async () => {
    const device = await app().newDevice();
    const other = await device.pair();
    const lastPulledAt = await clockOf(device);
    const replies = await Promise.all([
      ...Array.from({ length: 5 }, (_, n) => device.push(creating({ games: [game(`g${n}`)] }), lastPulledAt)),
      ...Array.from({ length: 5 }, () => other.push({ games: { created: [{ id: 5 }] } }, lastPulledAt)),
    ]);
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 200, 200, 400, 400, 400, 400, 400]);
    expect((await liveRows(device)).games).toHaveLength(5);
  });
});
