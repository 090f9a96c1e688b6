import { TestDevice } from '../support/device.js';
import { liveRows, until } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { Server } from './support/server.js';

const browser = shareBrowser();

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server[Symbol.asyncDispose]());

test('a whole game: players, rounds, a winner at the target, and all of it on the server', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  await app.startGame({ name: 'Friday evening', target: 50, players: ['Ada', 'Bob', 'Cleo'] });
  await app.addRound([10, 0, 25]);
  await app.addRound([-5, 20, 12]);
  await app.waitForTotals([5, 20, 37]);
  expect(await app.find('winner').count()).toBe(0);
  await app.addRound([1, 2, 13]);
  await app.waitForTotals([6, 22, 50]);
  expect(await app.read('winner')).toContain('Cleo');
  expect(await app.findAll('round-row-').count()).toBe(3);
  await app.find('chart').first().waitFor();
  await app.waitForLight('synced');

  const witness = await TestDevice.register(server.url, { pairing_code: await app.makePairingCode() });
  const rows = await liveRows(witness);
  expect(rows.games).toMatchObject([{ name: 'Friday evening', target_score: 50, status: 'finished' }]);
  const cleo = rows.game_players!.find(({ name }) => name === 'Cleo')!;
  expect(rows.games![0]!.winner_id).toBe(cleo.id);
  expect(rows.rounds).toHaveLength(3);
  expect(rows.scores!.reduce((sum, { final_score }) => sum + (final_score as number), 0)).toBe(78);
});

test('a round corrected afterwards changes the totals, and takes a win back', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  await app.startGame({ name: 'Corrected', target: 30, players: ['Ada', 'Bob'] });
  await app.addRound([10, 5]);
  await app.addRound([25, 5]);
  expect(await app.read('winner')).toContain('Ada');
  await app.press('round-row-2');
  await app.enterScores([2, 5]);
  await app.waitForTotals([12, 10]);
  expect(await app.find('winner').count()).toBe(0);
});

test('a reload keeps everything, the unfinished game included', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  const id = await app.startGame({ name: 'Kept', players: ['Ada', 'Bob'] });
  await app.addRound([3, 4]);
  await app.page.reload();
  await app.waitForTotals([3, 4]);
  expect(app.page.url()).toContain(`#/game/${id}`);
  await app.waitForGames(['Kept']);
});

test('a deleted game is gone everywhere, and comes back whole when the deletion is undone', async () => {
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  const id = await app.startGame({ name: 'A mistake', players: ['Ada', 'Bob'] });
  await app.addRound([8, 9]);
  await app.waitForLight('synced');
  const witness = await TestDevice.register(server.url, { pairing_code: await app.makePairingCode() });
  await app.openGame(id);
  await app.press('game-menu');
  await app.press('delete-game');
  if ((await app.find('confirm').count()) > 0) await app.press('confirm');
  await app.find('undo-delete').first().waitFor();
  await until(
    async () => (await liveRows(witness)).games!.length,
    (count) => count === 0,
  );
  await app.press('undo-delete');
  await app.waitForGames(['A mistake']);
  await app.openGame(id);
  await app.waitForTotals([8, 9]);
  await app.waitForLight('synced');
  const rows = await liveRows(witness);
  expect(Object.values(rows).map((table) => table.length)).toEqual([1, 2, 1, 2]);
});
