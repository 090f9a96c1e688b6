import { shareBrowser } from './support/chromium.js';
import { HOSTS, openAt } from './support/hosts.js';

const browser = shareBrowser();

describe.each(HOSTS)('at %s', (_name, host) => {
  test('of two tabs one holds the data, the other offers to take it over, and nothing is lost on the way', async () => {
    await using ada = await openAt(browser(), host);
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
});
