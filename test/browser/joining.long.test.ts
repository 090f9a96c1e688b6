import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

describe('a link that names another server', () => {
  /** What stands at the other address, and what it was asked for. */
  async function elsewhere() {
    const asked: string[] = [];
    const other = createServer((request, response) => {
      asked.push(request.url!);
      response.setHeader('content-type', 'text/html').end('<title>elsewhere</title>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    return { url, asked, [Symbol.dispose]: () => void other.close() };
  }

  test.each([
    (url: string) => `/#/join?server=${url}`,
    (url: string) => `/#/join?server=${encodeURIComponent(url)}&code=IGNORED2`,
    (url: string) => `/#/join/ABCD2345?server=${url}/`,
    (url: string) => `/#/join?code=IGNORED2&server=${url}/some/path`,
  ])('is named and asked about, and no code goes there: %#', async (linkTo) => {
    using other = await elsewhere();
    await using bob = await Person.open(browser(), server.url, { path: linkTo(other.url) });
    await bob.app.find('join-code').first().fill('abcd-2345');
    await bob.app.press('join');

    await bob.app.page.getByText(other.url, { exact: false }).first().waitFor();
    await bob.app.press('cancel');
    expect(other.asked).toEqual([]);
    expect(bob.app.page.url()).toContain(server.url);

    await bob.app.press('join');
    await bob.app.press('confirm');
    await bob.app.page.waitForURL(`${other.url}/#/join`);
  });

  test.each([
    'http://user@127.0.0.1:9',
    'http://127.0.0.1:9\\@localhost',
    'javascript:alert(1)//',
    'no server',
  ])('is not followed to what is no address: %s', async (address) => {
    await using bob = await Person.open(browser(), server.url, {
      path: `/#/join?server=${encodeURIComponent(address)}`,
    });
    await bob.app.find('join-code').first().fill('abcd-2345');
    await bob.app.press('join');
    await bob.app.page.getByRole('alert').filter({ visible: true }).first().waitFor();
    expect(bob.app.page.url()).toContain(`${server.url}/#/join`);
  });
});
