import { startApp } from '../support/app.js';
import { declareSchema } from '../../src/protocol/schema.js';
import { tables } from '../../src/protocol/tables.js';
import { text } from '../../src/protocol/columns.js';
import { shareBrowser } from './support/chromium.js';
import { answered, Person, WITHOUT_SERVICE_WORKER } from './support/person.js';
import { Server } from './support/server.js';

const browser = shareBrowser();

/** The declaration of a server that allows only shorter names of games than the app. */
const shortNames = declareSchema({
  ...tables,
  games: { since: 1, columns: { ...tables.games.columns, name: text({ max: 20, optional: true }) } },
});

test('a record that the server refuses turns the light amber, says why, and can be mended', async () => {
  await using server = await startApp('sqlite', { schema: shortNames });
  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  const id = await app.startGame({ name: 'A name that is much too long', players: ['Ada', 'Bob'] });
  await app.waitForLight('attention');
  const details = await app.openLight();
  expect(details).toMatch(/too long/i);
  expect(await app.findAll('refused-').count()).toBe(1);
  await app.closeDialog();

  await app.openGame(id);
  await app.press('game-menu');
  await app.press('edit-game');
  await app.find('game-name').first().fill('Short enough');
  await app.press('start-game');
  await app.waitForLight('synced');
  await app.page.reload();
  await app.waitForGames(['Short enough']);
  await app.waitForLight('synced');
});

test('an app newer than its server says so, keeps everything, and goes on once the server is new, too', async () => {
  await using server = await Server.start();
  await using ada = await Person.open(browser(), server.url, WITHOUT_SERVICE_WORKER);
  ada.tolerate(answered(409));
  const { app, context } = ada;
  // Changes the request to that of the app's next version.
  let version = '2';
  await context.route(/\/sync\/(pull|push)/, (route) => {
    const url = new URL(route.request().url());
    url.searchParams.set('schema_version', version);
    return route.continue({ url: url.href });
  });
  await context.routeWebSocket(/socket\.io/, (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((message) =>
      upstream.send(String(message).replace('"schema_version":1', `"schema_version":${version}`)),
    );
  });
  await app.page.reload();
  await app.waitForLight('incompatible');
  expect(await app.openLight()).toMatch(/newer than the server/i);
  await app.closeDialog();
  await app.startGame({ name: 'Written meanwhile', players: ['Ada', 'Bob'] });
  await app.waitForLight('incompatible');

  version = '1';
  await app.openLight();
  await app.press('retry');
  await app.waitForLight('synced');
});
