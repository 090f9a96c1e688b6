import { TestDevice } from '../support/device.js';
import { liveRows } from '../support/exchange.js';
import { shareBrowser } from './support/chromium.js';
import { answered, NO_CONNECTION, Person } from './support/person.js';
import { Server } from './support/server.js';

const browser = shareBrowser();

test('a killed server turns the light grey, changes wait, and a restarted one gets them by itself', async () => {
  await using server = await Server.start();
  await using ada = await Person.open(browser(), server.url);
  ada.tolerate(NO_CONNECTION);
  const { app } = ada;
  const id = await app.startGame({ name: 'Through an outage', players: ['Ada', 'Bob'] });
  await app.waitForLight('synced');

  await server.kill();
  await app.waitForLight('disconnected');
  await app.addRound([6, 7]);
  await app.waitForTotals([6, 7]);
  expect(Number(await app.read('light-pending'))).toBe(5); // a round, two scores, two players' totals
  await server.restart();
  await app.waitForLight('synced');
  await app.openGame(id);
  await app.waitForTotals([6, 7]);
  const witness = await TestDevice.register(server.url, { pairing_code: await app.makePairingCode() });
  expect((await liveRows(witness)).scores).toHaveLength(2);
});

test('the page opens while there is no server, and what is entered then is sent later', async () => {
  await using server = await Server.start();
  await using ada = await Person.open(browser(), server.url);
  ada.tolerate(NO_CONNECTION);
  const { app } = ada;
  const id = await app.startGame({ name: 'Nobody there', players: ['Ada', 'Bob'] });
  await app.waitForLight('synced');
  await ada.pageIsKept();

  await server.kill();
  await app.page.reload();
  await app.waitForLight('disconnected');
  await app.openGame(id);
  await app.addRound([8, 9]);
  await app.page.reload();
  await app.waitForTotals([8, 9]);
  await server.restart();
  await app.waitForLight('synced');
});

describe('a server without any data at the same address', () => {
  /** Ada has a synced game, and made a round and a second game while the server was away. */
  async function meetAnotherServer(server: Server) {
    const ada = await Person.open(browser(), server.url);
    ada.tolerate(NO_CONNECTION, answered(401), answered(409));
    const { app } = ada;
    const old = await app.startGame({ name: 'Synced before', players: ['Ada', 'Bob'] });
    await app.addRound([10, 20]);
    await app.waitForLight('synced');
    await server.kill();
    await app.waitForLight('disconnected');
    await app.addRound([1, 2]);
    await app.startGame({ name: 'Never synced', players: ['Ada', 'Cleo'] });
    await server.replace();
    await app.waitForLight(['incompatible', 'synced']);
    expect(await app.lightState()).toBe('incompatible');
    return { ada, app, old };
  }

  /** The server's data, as one more device of the account pulls it. */
  async function held(server: Server, person: Person) {
    const code = await person.app.makePairingCode();
    return liveRows(await TestDevice.register(server.url, { pairing_code: code }));
  }

  test.each([
    ['', {}],
    [', even one that knows the old secret', { JWT_SECRET: 'the same secret for both of the servers' }],
  ])(
    'is noticed before the light is green again%s; "upload everything" brings all of it there',
    async (_, env) => {
      await using server = await Server.start(env);
      const { ada, app, old } = await meetAnotherServer(server);
      await using _ada = ada;
      await app.openLight();
      await app.press('recover-upload-everything');
      await app.waitForLight('synced');
      await app.waitForGames(['Synced before', 'Never synced']);
      await app.openGame(old);
      await app.waitForTotals([11, 22]);
      const rows = await held(server, ada);
      expect(rows.games).toHaveLength(2);
      expect(rows.scores).toHaveLength(4);
    },
  );

  test('"take the server’s data" keeps what was never synced, with the games that it belongs to', async () => {
    await using server = await Server.start();
    const { ada, app, old } = await meetAnotherServer(server);
    await using _ada = ada;
    await app.openLight();
    await app.press('recover-take-server');
    await app.confirm();
    await app.waitForLight('synced');
    await app.waitForGames(['Synced before', 'Never synced']);
    await app.openGame(old);
    await app.waitForTotals([1, 2]);
    const rows = await held(server, ada);
    expect(rows.games).toHaveLength(2);
    expect(rows.scores).toHaveLength(2);
  });

  test('"start fresh" names how many changes are lost, asks twice, and begins anew', async () => {
    await using server = await Server.start();
    const { ada, app } = await meetAnotherServer(server);
    await using _ada = ada;
    const pending = await app.read('light-pending');
    expect(Number(pending)).toBeGreaterThan(0);
    await app.goTo('#/settings');
    await app.press('sign-out');
    await app.page.getByText('The server may not have these games; they will be lost.').waitFor();
    await app.press('cancel');
    await app.openLight();
    await app.press('recover-start-fresh');
    await app.find('confirm').first().waitFor();
    expect(
      await app.page
        .getByText(new RegExp(`\\b${pending}\\b`))
        .filter({ visible: true })
        .count(),
    ).toBeGreaterThan(0);
    await app.confirm();
    await app.confirm();
    await app.waitForLight('synced');
    await app.waitForGames([]);
    expect((await held(server, ada)).games).toEqual([]);
  });
});
