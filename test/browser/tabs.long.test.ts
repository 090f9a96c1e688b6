import { shareBrowser } from './support/chromium.js';
import { HOSTS, openAt } from './support/hosts.js';

const browser = shareBrowser();

describe.each(HOSTS)('at %s', (_name, host) => {
  test('a tab that is too busy to answer keeps the data', async () => {
    await using ada = await openAt(browser(), host);
    const first = ada.app;
    await first.startGame({ name: 'Busy', players: ['Ada', 'Bob'] });
    const goOn = first.keepBusy();
    const second = await ada.openTab();
    // The first tab does not answer, so within a second the second one decides alone. What it then shows may have to wait:
    // the busy tab may have been writing to the database, and does not end that.
    await second.page.evaluate('new Promise((resolve) => setTimeout(resolve, 2_000))');
    await goOn();
    await second.find('use-here').first().waitFor();
    await first.waitForGames(['Busy']);
  });

  test('when the tab that holds the data is closed, another can go on', async () => {
    await using ada = await openAt(browser(), host);
    await ada.app.startGame({ name: 'Handed over', players: ['Ada', 'Bob'] });
    const first = ada.app;
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();
    await first.page.close();
    if ((await second.find('use-here').count()) > 0) await second.press('use-here');
    await second.waitForGames(['Handed over']);
  });

  test('a tab that takes over at the moment it is switched to keeps the data, and the other one lets go', async () => {
    await using ada = await openAt(browser(), host);
    const first = ada.app;
    await first.startGame({ name: 'Switched to', players: ['Ada', 'Bob'] });
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();

    // As when the user switches to the tab: the tab now asks on its own whether the data is free.
    await second.page.evaluate('document.dispatchEvent(new Event("visibilitychange"))');
    await second.press('use-here');

    await second.waitForGames(['Switched to']);
    const shownAgain = second.find('use-here').first().waitFor({ timeout: 3_000 });
    await expect(shownAgain).rejects.toThrow(/Timeout/);
    expect(await first.find('use-here').count()).toBeGreaterThan(0);
  });

  test('tabs that take over from each other faster than they open lose nothing', async () => {
    await using ada = await openAt(browser(), host);
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
