import { TestDevice } from '../support/device.js';
import { liveRows, until } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

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
