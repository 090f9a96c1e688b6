import { shareBrowser } from './support/chromium.js';
import { NO_CONNECTION, Person, WITHOUT_SERVICE_WORKER } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

test('a tab that dies right after a round was saved loses nothing', async () => {
  await using ada = await Person.open(browser(), server.url, WITHOUT_SERVICE_WORKER);
  ada.tolerate(NO_CONNECTION);
  const id = await ada.app.startGame({ name: 'Cut short', target: 9_999, players: ['Ada', 'Bob'] });
  await ada.app.waitForLight('synced');
  let sum = 0;
  for (let round = 1; round <= 5; round++) {
    // Without a network the server cannot bring the round back.
    await ada.context.setOffline(true);
    await ada.app.addRound([round, 0]);
    sum += round;
    await ada.app.waitForTotals([sum, 0]);
    await ada.killTab();
    await ada.context.setOffline(false);
    await ada.openTab(`/#/game/${id}`);
    await ada.app.waitForTotals([sum, 0]);
  }
  await ada.app.waitForLight('synced');
});
