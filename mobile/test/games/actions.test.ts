import type { Database } from '@nozbe/watermelondb';
import {
  addRound,
  createGame,
  deleteGame,
  deleteRound,
  editRound,
  updateGame,
} from '../../src/games/actions';
import { findGame, listGames } from '../../src/games/records';
import type { RoundInput } from '../../src/games/round-entry';
import { scoresheet } from '../../src/games/scoring';
import { KEPT_FOR_DAYS, listDeleted, restore, tendTrash } from '../../src/games/trash';
import { newDatabase } from '../support/new-database';

const DAY_MS = 24 * 60 * 60 * 1000;

let database: Database;
beforeEach(async () => {
  database = await newDatabase();
});
afterEach(() => jest.useRealTimers());

const begin = (target = 20) =>
  createGame(database, {
    name: ' Friday ',
    targetScore: target,
    players: [' Ann', 'Ben'].map((name) => ({ id: null, name })),
  });

/** A round that gives the game's players these points, in seat order. */
async function roundOf(gameId: string, ...points: number[]): Promise<RoundInput> {
  const { players } = scoresheet((await findGame(database, gameId))!);
  return {
    callerId: players[0]!.id,
    scores: points.map((raw, seat) => ({ playerId: players[seat]!.id, raw, bonus: 0 })),
  };
}

async function play(gameId: string, ...points: number[]): Promise<string> {
  return addRound(database, gameId, await roundOf(gameId, ...points));
}

const read = async (gameId: string) => (await findGame(database, gameId))!;
const totals = async (gameId: string) =>
  scoresheet(await read(gameId))
    .standings.sort((a, b) => a.seat - b.seat)
    .map(({ total }) => total);

test('a game begins with its players in running order', async () => {
  const gameId = await begin();
  const { game, players } = await read(gameId);
  expect(game).toMatchObject({
    name: 'Friday',
    target_score: 20,
    status: 'active',
    winner_id: null,
    ended_at: null,
  });
  expect(Math.abs(game.started_at - Date.now())).toBeLessThan(10_000);
  expect(scoresheet(await read(gameId)).players.map(({ name, position }) => [name, position])).toEqual([
    ['Ann', 0],
    ['Ben', 1],
  ]);
  expect(players.every((player) => player.game_id === gameId)).toBe(true);
});

test('a round adds to the totals and writes them down', async () => {
  const gameId = await begin();
  await play(gameId, 5, 7);
  await addRound(database, gameId, {
    callerId: null,
    scores: (await roundOf(gameId, 1, 2)).scores.map((score) => ({ ...score, bonus: 10 })),
  });
  const { players, rounds, scores } = await read(gameId);
  expect(await totals(gameId)).toEqual([16, 19]);
  expect(rounds.map(({ round_number }) => round_number).sort()).toEqual([1, 2]);
  expect(players.map(({ current_total }) => current_total).sort()).toEqual([16, 19]);
  expect(scores.map(({ total_after }) => total_after).sort((a, b) => a - b)).toEqual([5, 7, 16, 19]);
});

test('the round that reaches the target finishes the game; mending it opens the game again', async () => {
  const gameId = await begin();
  const roundId = await play(gameId, 5, 25);
  const finished = (await read(gameId)).game;
  const ben = scoresheet(await read(gameId)).players[1]!;
  expect(finished).toMatchObject({ status: 'finished', winner_id: ben.id });
  expect(finished.ended_at).not.toBeNull();

  const before = await editRound(database, gameId, roundId, await roundOf(gameId, 5, 15));
  expect((await read(gameId)).game).toMatchObject({ status: 'active', winner_id: null, ended_at: null });
  await editRound(database, gameId, roundId, before);
  expect(await totals(gameId)).toEqual([5, 25]);
  expect((await read(gameId)).game).toMatchObject({ status: 'finished', winner_id: ben.id });
});

test('changing a round back takes the scores of players who had none with it', async () => {
  const gameId = await begin();
  const roundId = await play(gameId, 5, 7);
  const { players } = scoresheet(await read(gameId));
  await updateGame(database, gameId, {
    name: '',
    targetScore: 20,
    players: [...players, { id: null, name: 'Cleo' }],
  });
  const before = await editRound(database, gameId, roundId, await roundOf(gameId, 5, 8, 21));
  expect((await read(gameId)).game.status).toBe('finished');
  await editRound(database, gameId, roundId, before);
  expect(await totals(gameId)).toEqual([5, 7, 0]);
  expect((await read(gameId)).scores).toHaveLength(2);
  expect((await read(gameId)).game.status).toBe('active');
});

test('changing the target can finish a game', async () => {
  const gameId = await begin(50);
  await play(gameId, 5, 25);
  const { players } = scoresheet(await read(gameId));
  await updateGame(database, gameId, { name: '', targetScore: 20, players });
  expect((await read(gameId)).game).toMatchObject({ name: null, target_score: 20, status: 'finished' });
});

test('players can be renamed, moved and added', async () => {
  const gameId = await begin();
  await play(gameId, 5, 7);
  const [ann, ben] = scoresheet(await read(gameId)).players;
  await updateGame(database, gameId, {
    name: 'Friday',
    targetScore: 20,
    players: [ben!, { id: null, name: 'Cleo' }, { id: ann!.id, name: 'Anna' }],
  });
  const sheet = scoresheet(await read(gameId));
  expect(sheet.players.map(({ name }) => name)).toEqual(['Ben', 'Cleo', 'Anna']);
  expect(await totals(gameId)).toEqual([7, 0, 5]);
});

test('a deleted round takes its points with it and comes back whole', async () => {
  const gameId = await begin();
  await play(gameId, 5, 7);
  const roundId = await play(gameId, 1, 30);
  const before = await read(gameId);
  const key = await deleteRound(database, gameId, roundId);
  expect(await totals(gameId)).toEqual([5, 7]);
  expect((await read(gameId)).game.status).toBe('active');

  await restore(database, key);
  expect(await totals(gameId)).toEqual([6, 37]);
  expect((await read(gameId)).rounds.map(({ id }) => id).sort()).toEqual(
    before.rounds.map(({ id }) => id).sort(),
  );
  expect((await read(gameId)).game.status).toBe('finished');
});

test('a deleted game is gone with all it owns, and comes back under the same ids', async () => {
  const gameId = await begin();
  await play(gameId, 5, 7);
  const before = await read(gameId);
  const key = await deleteGame(database, gameId, 'Friday');
  expect(await listGames(database)).toEqual([]);
  expect(await database.get('scores').query().fetchCount()).toBe(0);
  expect(await database.adapter.getDeletedRecords('games')).toEqual([gameId]);
  expect(await listDeleted(database)).toMatchObject([{ key, title: 'Friday' }]);

  await restore(database, key);
  const after = await read(gameId);
  const idsIn = ({ players, rounds, scores }: typeof after) =>
    [...players, ...rounds, ...scores].map(({ id }) => id).sort();
  expect(idsIn(after)).toEqual(idsIn(before));
  expect(await totals(gameId)).toEqual([5, 7]);
  expect(await database.adapter.getDeletedRecords('games')).toEqual([]);
  expect(await listDeleted(database)).toEqual([]);
});

test('a game brought back after its deletion was pushed is created anew', async () => {
  const gameId = await begin();
  const key = await deleteGame(database, gameId, 'Friday');
  await database.adapter.destroyDeletedRecords('games', [gameId]); // as a finished push does
  await restore(database, key);
  expect((await database.get('games').find(gameId)).syncStatus).toBe('created');
});

test('a game brought back, and deleted again by what the server still sent, comes back once more', async () => {
  const gameId = await begin();
  await play(gameId, 5, 7);
  const key = await deleteGame(database, gameId, 'Friday');
  await restore(database, key);
  const rows = (await Promise.all(['games', 'game_players', 'rounds', 'scores'].map((table) => database.get(table).query().fetch()))).flat(); // prettier-ignore
  await database.write(() => database.batch(rows.map((row) => row.prepareDestroyPermanently())));

  await tendTrash(database);
  expect(await totals(gameId)).toEqual([5, 7]);
  await tendTrash(database); // the game exists now, so the copy is dropped
  await expect(restore(database, key)).rejects.toThrow('no longer');
});

test('a round brought back does not come back without its game', async () => {
  const gameId = await begin();
  const roundKey = await deleteRound(database, gameId, await play(gameId, 5, 7));
  await restore(database, roundKey);
  const gameKey = await deleteGame(database, gameId, 'Friday');
  await tendTrash(database);
  expect(await database.get('rounds').query().fetchCount()).toBe(0);
  expect((await listDeleted(database)).map(({ key }) => key)).toEqual([gameKey]);
  await expect(restore(database, roundKey)).rejects.toThrow('can no longer be brought back');

  await restore(database, gameKey);
  expect(await totals(gameId)).toEqual([5, 7]);
});

test('what was brought back and is gone again is listed as deleted', async () => {
  const gameId = await begin();
  const key = await deleteGame(database, gameId, 'Friday');
  await restore(database, key);
  expect(await listDeleted(database)).toEqual([]);
  const game = await database.get('games').find(gameId);
  await database.write(() => game.destroyPermanently());
  expect(await listDeleted(database)).toMatchObject([{ key }]);
});

test('what was deleted is kept for 30 days', async () => {
  const key = await deleteGame(database, await begin(), 'Friday');
  jest.useFakeTimers({
    now: Date.now() + (KEPT_FOR_DAYS - 1) * DAY_MS,
    doNotFake: ['setTimeout', 'setImmediate', 'nextTick', 'queueMicrotask'],
  });
  await tendTrash(database);
  expect(await listDeleted(database)).toMatchObject([{ key }]);
  jest.setSystemTime(Date.now() + 2 * DAY_MS);
  expect(await listDeleted(database)).toEqual([]); // also without a network, when nothing tends the copies
  await tendTrash(database);
  expect(await listDeleted(database)).toEqual([]);
  await expect(restore(database, key)).rejects.toThrow('no longer');
});

test('a round of a game that is gone is refused in plain words', async () => {
  await expect(addRound(database, 'gone', { callerId: null, scores: [] })).rejects.toThrow(
    'This game is no longer on this device.',
  );
});
