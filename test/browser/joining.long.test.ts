import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

/** Ada has a game; Bob has another game and types Ada's code. */
async function meet() {
  const ada = await Person.open(browser(), server.url);
  await ada.app.startGame({ name: 'Ada’s game', players: ['Ada', 'Cleo'] });
  const bob = await Person.open(browser(), server.url);
  const bobsGame = await bob.app.startGame({ name: 'Bob’s game', players: ['Bob', 'Dan'] });
  await bob.app.addRound([11, 12]);
  await bob.app.waitForLight('synced');
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  return { ada, bob, bobsGame };
}

test('joining with games of one’s own asks, and "bring along" puts both together on both devices', async () => {
  const { ada, bob, bobsGame } = await meet();
  await using _ada = ada;
  await using _bob = bob;
  await bob.app.press('join-bring-along');
  for (const { app } of [ada, bob]) {
    await app.waitForGames(['Ada’s game', 'Bob’s game']);
    await app.waitForLight('synced');
  }
  await ada.app.openGame(bobsGame);
  await ada.app.waitForTotals([11, 12]);
});

test('joining with games of one’s own asks, and "start fresh" leaves only the other account’s', async () => {
  const { ada, bob } = await meet();
  await using _ada = ada;
  await using _bob = bob;
  await bob.app.press('join-start-fresh');
  for (const { app } of [ada, bob]) {
    await app.waitForGames(['Ada’s game']);
    await app.waitForLight('synced');
  }
  await bob.app.page.reload();
  await bob.app.waitForGames(['Ada’s game']);
});

test('joining without anything of one’s own asks nothing', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.startGame({ name: 'Only this', players: ['Ada', 'Cleo'] });
  await using bob = await Person.open(browser(), server.url);
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  await bob.app.waitForGames(['Only this']);
});
