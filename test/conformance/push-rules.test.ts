import { forEachDatabase } from '../support/app.js';
import {
  changedIds,
  clockOf,
  expectProblem,
  findRow,
  liveRows,
  push,
  stateOf,
  store,
} from '../support/exchange.js';
import { changes, creating, deleting, evening, game, games, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';

/** The 11 rules for a push endpoint in WatermelonDB's backend specification. */
forEachDatabase((database) => {
  const app = shareApp(database);

  test('BE push 1: one push creates, updates and deletes', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(2) });
    const pushed = changes({
      games: { created: [game('new')], updated: [game('g0', { name: 'Renamed' })], deleted: ['g1'] },
    });
    await push(device, pushed, lastPulledAt);
    expect((await liveRows(device)).games).toEqual([game('g0', { name: 'Renamed' }), game('new')]);
    expect((await changedIds(device, lastPulledAt)).games?.deleted).toEqual(['g1']);
  });

  test('BE push 2: a created row whose id exists is an update and not an error', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    await push(device, creating({ games: [game('g1', { name: 'Again' })] }), lastPulledAt);
    expect((await liveRows(device)).games).toEqual([game('g1', { name: 'Again' })]);
  });

  test('BE push 3: an update of a row deleted since the last pull is an error, so that the client pulls the deletion', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    await push(await device.pair(), deleting({ games: ['g1'] }), lastPulledAt);
    expectProblem(
      await device.push(updating({ games: [game('g1', { name: 'Late' })] }), lastPulledAt),
      409,
      'PUSH_CONFLICT',
    );
    expect((await changedIds(device, lastPulledAt)).games).toEqual({ updated: [], deleted: ['g1'] });
  });

  test('BE push 3: an update of a row that never existed creates it', async () => {
    const device = await app().newDevice();
    await push(device, updating({ games: [game('g1')] }), await clockOf(device));
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1'));
  });

  test('BE push 4: a deletion of a row that does not exist is ignored and not an error', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const answer = await push(device, deleting({ games: ['never-seen'] }), lastPulledAt);
    expect(answer).toMatchObject({ ok: true });
    expect((await liveRows(device)).games).toEqual([game('g1')]);
  });

  test('BE push 5: a row modified on the server after last_pulled_at aborts the push with an error', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    await push(await device.pair(), updating({ games: [game('g1', { name: 'Theirs' })] }), lastPulledAt);
    const reply = await device.push(updating({ games: [game('g1', { name: 'Mine' })] }), lastPulledAt);
    expectProblem(reply, 409, 'PUSH_CONFLICT');
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1', { name: 'Theirs' }));
  });

  test('BE push 6: a push applied in full is answered with a success status', async () => {
    const device = await app().newDevice();
    const reply = await device.push(creating(evening('a')), await clockOf(device));
    expect(reply.status).toBe(200);
    expect(reply.body).toEqual({ ok: true, timestamp: expect.any(Number), checkpoint: expect.any(String) });
  });

  test('BE push 7: a push with one conflict or one impossible part changes nothing at all', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: games(2) });
    await push(await device.pair(), updating({ games: [game('g1', { name: 'Theirs' })] }), lastPulledAt);
    const before = await stateOf(device);
    const rest = { created: [game('new')], deleted: ['g0'] };
    const conflicting = {
      ...creating(evening('b')),
      ...changes({ games: { ...rest, updated: [game('g1', { name: 'Mine' })] } }),
    };
    expectProblem(await device.push(conflicting, lastPulledAt), 409, 'PUSH_CONFLICT');
    const impossible = changes({ games: { ...rest, updated: [{ id: 5 }] } });
    expectProblem(await device.push(impossible, lastPulledAt), 400, 'BAD_REQUEST');
    expect(await stateOf(device)).toEqual(before);
  });

  test('BE push 8: _status and _changed in pushed rows are ignored', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, { games: [game('g1')] });
    const row = { ...game('g1', { name: 'New', target_score: 50 }), _status: 'deleted', _changed: 'name' };
    await push(device, updating({ games: [row] }), lastPulledAt);
    expect((await liveRows(device)).games).toEqual([game('g1', { name: 'New', target_score: 50 })]);
  });

  test('BE push 9: collection names, column names and ids outside the declared ones are not stored', async () => {
    const device = await app().newDevice();
    const answer = await push(
      device,
      creating({ devices: [{ id: 'd1' }], games: [{ ...game('g1'), no_such_column: 1 }, game('../g2')] }),
      await clockOf(device),
    );
    expect(answer.experimentalRejectedIds).toEqual({ devices: ['d1'], games: ['../g2'] });
    expect((await liveRows(device)).games).toEqual([game('g1')]);
  });

  test('BE push 10: slightly wrong values are corrected and not refused', async () => {
    const device = await app().newDevice();
    const row = { ...game('g1'), status: 'abcdef', target_score: 99.9, started_at: 'soon', name: 7 };
    const answer = await push(device, creating({ games: [row] }), await clockOf(device));
    expect(answer.rejected).toBeUndefined();
    const stored = game('g1', { status: 'active', target_score: 99, started_at: 0, name: null });
    expect((await liveRows(device)).games).toEqual([stored]);
  });

  test('BE push 11: the descendants of a deleted row are deleted too', async () => {
    const device = await app().newDevice();
    const lastPulledAt = await store(device, evening('a'));
    await push(device, deleting({ games: ['a-game'] }), lastPulledAt);
    expect(Object.values(await liveRows(device)).flat()).toEqual([]);
    expect(await changedIds(device, lastPulledAt)).toEqual({
      games: { updated: [], deleted: ['a-game'] },
      game_players: { updated: [], deleted: ['a-ada', 'a-bob'] },
      rounds: { updated: [], deleted: ['a-round'] },
      scores: { updated: [], deleted: ['a-score-ada', 'a-score-bob'] },
    });
  });
});
