import { shareBrowser } from './support/chromium.js';
import { NO_CONNECTION, Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

test('a first visit needs nothing: an empty list that says what to do, and a green light', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.find('new-game').first().waitFor();
  expect(await ada.app.findAll('game-row-').count()).toBe(0);
  await ada.app.waitForLight('synced');
  expect(await ada.app.find('light').first().getAttribute('aria-label')).toMatch(/on the server/);
});

test('a first visit that gets the page and nothing else is a whole app, and syncs once there is a way', async () => {
  await using ada = await Person.openCut(browser(), server.url);
  ada.tolerate(NO_CONNECTION);
  const id = await ada.app.startGame({ name: 'In the cellar', players: ['Ada', 'Bob'] });
  await ada.app.addRound([5, 7]);
  await ada.app.waitForTotals([5, 7]);
  expect(await ada.app.lightState()).not.toBe('synced');
  expect(Number(await ada.app.read('light-pending'))).toBe(6); // a game, two players, a round, two scores

  ada.reconnect();
  await ada.app.page.reload();
  await ada.app.waitForLight('synced');
  await ada.app.openGame(id);
  await ada.app.waitForTotals([5, 7]);
});
