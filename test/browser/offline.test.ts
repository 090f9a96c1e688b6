import { shareBrowser } from './support/chromium.js';
import { answered, NO_CONNECTION, Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

test('two devices edit without a network and converge when they have one', async () => {
  await using ada = await Person.open(browser(), server.url);
  await using bob = await Person.open(browser(), server.url);
  const people = [ada, bob];
  // Both change the players' running totals: the second device to push pulls, merges and pushes again.
  for (const person of people) person.tolerate(NO_CONNECTION, answered(409));
  const id = await ada.app.startGame({ name: 'Apart', target: 500, players: ['Ada', 'Bob'] });
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  await bob.app.waitForGames(['Apart']);
  for (const { app } of people) {
    await app.openGame(id);
    await app.waitForLight('synced');
  }

  for (const { context, app } of people) {
    await context.setOffline(true);
    await app.waitForLight('disconnected');
  }
  await ada.app.addRound([10, 1]);
  await ada.app.waitForTotals([10, 1]);
  await bob.app.addRound([20, 2]);
  await bob.app.waitForTotals([20, 2]);
  await bob.app.startGame({ name: 'Alone', players: ['Bob', 'Dan'] });
  expect(await ada.app.gameNames()).toHaveLength(1);

  for (const { context } of people) await context.setOffline(false);
  for (const { app } of people) {
    await app.waitForGames(['Apart', 'Alone']);
    await app.openGame(id);
    await app.waitForTotals([30, 3]);
    await app.waitForLight('synced');
  }
});
