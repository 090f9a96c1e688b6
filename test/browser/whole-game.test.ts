import { TestDevice } from '../support/device.js';
import { liveRows } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

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
