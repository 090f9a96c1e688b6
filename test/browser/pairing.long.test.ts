import { until } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { answered, Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();

const server = sharedServer();

test('a second browser joins by a code, and each sees every round of the other at once', async () => {
  await using ada = await Person.open(browser(), server.url);
  await using bob = await Person.open(browser(), server.url);
  const id = await ada.app.startGame({ name: 'At two tables', players: ['Ada', 'Bob'] });
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  await bob.app.waitForGames(['At two tables']);
  await bob.app.openGame(id);
  await ada.app.openGame(id);
  await Promise.all([ada.app.waitForLight('synced'), bob.app.waitForLight('synced')]);

  for (const round of [1, 2, 3]) {
    const [from, to] = round % 2 === 1 ? [ada, bob] : [bob, ada];
    await from.app.addRound([4, 6]);
    await to.app.waitForTotals([4 * round, 6 * round]);
  }
});

test('the link behind the QR code joins, also as the first thing that a browser opens', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.startGame({ name: 'By link', players: ['Ada', 'Bob'] });
  const code = await ada.app.makePairingCode();
  await using bob = await Person.open(browser(), server.url, { path: `/#/join/${code}` });
  await bob.app.press('join');
  await bob.app.waitForGames(['By link']);
  await bob.app.waitForLight('synced');
});

test('a wrong code says so and changes nothing', async () => {
  await using ada = await Person.open(browser(), server.url);
  ada.tolerate(answered(400));
  await ada.app.startGame({ name: 'Mine', players: ['Ada', 'Bob'] });
  await ada.app.waitForLight('synced');
  await ada.app.enterPairingCode('ABCDEFGH');
  if ((await ada.app.find('join-bring-along').count()) > 0) await ada.app.press('join-bring-along');
  await until(
    () => ada.app.page.getByText(/code/i).filter({ visible: true }).allInnerTexts(),
    (texts) => texts.some((text) => /not valid|does not work|wrong|10 minutes/i.test(text)),
  );
  await ada.app.waitForGames(['Mine']);
  await ada.app.waitForLight('synced');
});

test('the list of devices names both, and a device that was revoked says so by itself', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.startGame({ name: 'Shared for a while', players: ['Ada', 'Bob'] });
  await using bob = await Person.open(browser(), server.url);
  bob.tolerate(answered(401));
  await bob.app.enterPairingCode(await ada.app.makePairingCode());
  await bob.app.waitForGames(['Shared for a while']);
  await bob.app.waitForLight('synced');
  await ada.app.goTo('#/');
  await ada.app.goTo('#/settings');
  await until(
    () => ada.app.findAll('device-row-').count(),
    (count) => count === 2,
  );
  await ada.app.revokeOtherDevice();
  await bob.app.waitForLight('incompatible');
  expect(await bob.app.openLight()).toMatch(/taken off|removed|revoked/i);
  // Its data stays readable.
  await bob.app.waitForGames(['Shared for a while']);
});
