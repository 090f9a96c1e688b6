import { until } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();

test('a link shows one game live to anyone, without an account, until it is withdrawn', async () => {
  await using ada = await Person.open(browser(), server.url);
  await ada.app.startGame({ name: 'Not for others', players: ['Ada', 'Zoe'] });
  const id = await ada.app.startGame({ name: 'For everybody', players: ['Ada', 'Bob'] });
  await ada.app.addRound([3, 5]);
  await ada.app.waitForLight('synced');
  const link = await ada.app.shareGame();
  // The token is in the fragment, which browsers do not send.
  expect(link.href).toMatch(new RegExp(`^${server.url}/#/watch/[\\w-]{20,}$`));

  const requests: string[] = [];
  await using guest = await Person.open(browser(), server.url, { path: link.hash });
  guest.context.on('request', (request) => requests.push(request.url()));
  await guest.app.page.reload();
  const board = guest.app.find('scoreboard').first();
  await guest.app.page.getByText('For everybody').first().waitFor();
  await until(
    () => board.innerText(),
    (text) => ['Ada', 'Bob', '3', '5'].every((part) => text.includes(part)),
  );
  expect(await guest.app.page.getByText('Not for others').count()).toBe(0);
  expect(await guest.app.find('add-round').count()).toBe(0);
  expect(requests.filter((url) => url.includes(link.hash.split('/').at(-1)!))).toEqual([]);

  await ada.app.openGame(id);
  for (const round of [1, 2, 3]) {
    await ada.app.addRound([40, 10]);
    await until(
      () => board.innerText(),
      (text) => [3 + 40 * round, 5 + 10 * round].every((total) => text.includes(String(total))),
    );
  }

  await ada.app.press('game-menu');
  await ada.app.press('share-game');
  await ada.app.press('withdraw-share');
  await until(
    () => guest.app.page.locator('body').innerText(),
    (text) => /withdrawn|no longer shared|ended/i.test(text),
  );
  await guest.app.page.reload();
  await until(
    () => guest.app.page.locator('body').innerText(),
    (text) => /withdrawn|no longer shared|not valid|ended/i.test(text),
  );
});
