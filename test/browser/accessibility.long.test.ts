import { seriousFindings } from './support/accessibility.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

describe.each(['light', 'dark'] as const)('in %s colors', (colorScheme) => {
  test('no screen has an obstacle for a screen reader, a keyboard or weak eyes', async () => {
    await using ada = await Person.open(browser(), server.url, { colorScheme, reducedMotion: 'reduce' });
    const { app } = ada;
    const found: Record<string, unknown> = {};
    const look = async (screen: string): Promise<void> => {
      const findings = await seriousFindings(app);
      if (findings.length > 0) found[screen] = findings;
    };

    await app.waitForLight('synced');
    await look('the empty list');
    await app.press('new-game');
    await app.find('game-name').first().waitFor();
    await look('a new game');
    const id = await app.startGame({ name: 'Seen by all', target: 40, players: ['Ada', 'Bob', 'Cleo'] });
    await look('a game without rounds');
    await app.press('add-round');
    await app.find('key-1').first().waitFor();
    await look('entering a round');
    await app.enterScores([10, 20, 5]);
    await app.addRound([31, 1, 2]);
    await app.find('winner').first().waitFor();
    await look('a finished game');
    await app.press('game-menu');
    await app.find('delete-game').first().waitFor();
    await look('the menu of a game');
    await app.press('share-game');
    await app.find('share-url').first().waitFor();
    await look('sharing a game');
    await app.page.reload();
    await app.find('total-0').first().waitFor();
    await app.waitForLight('synced');
    await app.openLight();
    await look('the details of the light');
    await app.page.keyboard.press('Escape');
    await app.goTo('#/');
    await app.find(`game-row-${id}`).first().waitFor();
    await look('the list');
    await app.makePairingCode();
    await look('settings with a pairing code');
    expect(found).toEqual({});
  });

  test('neither has the page of a shared game, nor the second tab', async () => {
    await using ada = await Person.open(browser(), server.url, { colorScheme });
    await ada.app.startGame({ name: 'Shared', players: ['Ada', 'Bob'] });
    await ada.app.addRound([1, 2]);
    await ada.app.waitForLight('synced');
    const link = await ada.app.shareGame();
    await using guest = await Person.open(browser(), server.url, { colorScheme, path: link.hash });
    await guest.app.find('scoreboard').first().waitFor();
    expect(await seriousFindings(guest.app)).toEqual([]);
    const second = await ada.openTab();
    await second.find('use-here').first().waitFor();
    expect(await seriousFindings(second)).toEqual([]);
  });
});
