import { PLAIN_HOST, shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { Server } from './support/server.js';

const browser = shareBrowser();

// Browsers give pages that come by plain HTTP neither locks nor service workers, as on a phone in the same house.
describe.each([
  ['localhost', '127.0.0.1'],
  ['a plain HTTP address', PLAIN_HOST],
])('at %s', (_name, host) => {
  const open = (server: Server) => Person.open(browser(), server.url.replace('127.0.0.1', host));

  test('of two tabs one holds the data, the other offers to take it over, and nothing is lost on the way', async () => {
    await using server = await Server.start();
    await using ada = await open(server);
    const first = ada.app;
    const id = await first.startGame({ name: 'One at a time', players: ['Ada', 'Bob'] });
    await first.addRound([1, 2]);

    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();
    expect(await second.find('new-game').count()).toBe(0);
    await second.press('use-here');
    await second.waitForGames(['One at a time']);
    await second.openGame(id);
    await second.waitForTotals([1, 2]);
    await first.find('use-here').first().waitFor();
    expect(await first.find('add-round').count()).toBe(0);

    await second.addRound([3, 4]);
    await second.waitForTotals([4, 6]);
    await first.press('use-here');
    await first.openGame(id);
    await first.waitForTotals([4, 6]);
    await first.waitForLight('synced');
    await second.find('use-here').first().waitFor();
  });

  test('a tab that is too busy to answer keeps the data', async () => {
    await using server = await Server.start();
    await using ada = await open(server);
    const first = ada.app;
    await first.startGame({ name: 'Busy', players: ['Ada', 'Bob'] });
    const busy = first.page.evaluate(
      'for (const end = Date.now() + 5_000; Date.now() < end; ) document.title = "busy"',
    );
    const second = await ada.openTab();
    await busy;
    await second.find('use-here').first().waitFor();
    await first.waitForGames(['Busy']);
  });

  test('when the tab that holds the data is closed, another can go on', async () => {
    await using server = await Server.start();
    await using ada = await open(server);
    await ada.app.startGame({ name: 'Handed over', players: ['Ada', 'Bob'] });
    const first = ada.app;
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();
    await first.page.close();
    if ((await second.find('use-here').count()) > 0) await second.press('use-here');
    await second.waitForGames(['Handed over']);
  });

  test('a tab that takes over at the moment it is switched to keeps the data, and the other one lets go', async () => {
    await using server = await Server.start();
    await using ada = await open(server);
    const first = ada.app;
    await first.startGame({ name: 'Switched to', players: ['Ada', 'Bob'] });
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();

    // As the browser tells when a tab is switched to: by itself the tab now asks whether the data is free.
    await second.page.evaluate('document.dispatchEvent(new Event("visibilitychange"))');
    await second.press('use-here');

    await second.waitForGames(['Switched to']);
    const shownAgain = second.find('use-here').first().waitFor({ timeout: 3_000 });
    await expect(shownAgain).rejects.toThrow(/Timeout/);
    expect(await first.find('use-here').count()).toBeGreaterThan(0);
  });

  test('tabs that take over from each other faster than they open lose nothing', async () => {
    await using server = await Server.start();
    await using ada = await open(server);
    const first = ada.app;
    const id = await first.startGame({ name: 'To and fro', players: ['Ada', 'Bob'] });
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();

    for (const tab of [second, first, second]) {
      await tab.find('use-here').first().waitFor();
      await tab.press('use-here');
    }
    await second.waitForGames(['To and fro']);
    await second.openGame(id);
    await second.addRound([1, 2]);
    await second.waitForTotals([1, 2]);
    await second.waitForLight('synced');
    await first.press('use-here');
    await first.openGame(id);
    await first.waitForTotals([1, 2]);
    await first.waitForLight('synced');
  });
});
