import { TestDevice } from '../support/device.js';
import { store, until } from '../support/exchange.js';
import { game, player, round, score } from '../support/records.js';
import { shareBrowser } from './support/chromium.js';
import { Person } from './support/person.js';
import { sharedServer } from './support/server.js';

const browser = shareBrowser();
const server = sharedServer();
const GAMES = 100;
const PLAYERS = 4;
const ROUNDS = 19;

/** One game of 100 rows: the game, 4 players, 19 rounds, 76 scores of 1 point. */
function longGame(g: string) {
  const seats = [...Array(PLAYERS).keys()];
  const numbers = [...Array(ROUNDS).keys()];
  return {
    games: [game(g, { name: `Evening ${g}`, target_score: 1_000 })],
    game_players: seats.map((seat) => player(`${g}-p${seat}`, g, { name: `Player ${seat}`, position: seat })),
    rounds: numbers.map((n) => round(`${g}-r${n}`, g, { round_number: n + 1 })),
    scores: numbers.flatMap((n) =>
      seats.map((seat) =>
        score(`${g}-r${n}-p${seat}`, `${g}-r${n}`, `${g}-p${seat}`, { raw_score: 1, final_score: 1 }),
      ),
    ),
  };
}

test('a first sync of 10,000 records shows how far it is, and ends with all of them', async () => {
  const device = await TestDevice.register(server.url);
  const games = Array.from({ length: GAMES }, (_, index) => longGame(`g${index}`));
  await store(device, {
    games: games.flatMap((rows) => rows.games),
    game_players: games.flatMap((rows) => rows.game_players),
    rounds: games.flatMap((rows) => rows.rounds),
    scores: games.flatMap((rows) => rows.scores),
  });
  const { body } = await device.request('POST', '/auth/pairing-codes');

  await using ada = await Person.open(browser(), server.url);
  const { app } = ada;
  await app.waitForLight('synced');
  const network = await ada.context.newCDPSession(app.page);
  await network.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 20,
    downloadThroughput: 60_000,
    uploadThroughput: 60_000,
  });
  await app.enterPairingCode((body as { code: string }).code);
  await app.waitForLight('catching_up');
  await app.openLight();
  const shown = new Set<string>();
  await until(
    async () => {
      for (const text of await app.find('progress').allInnerTexts()) shown.add(text);
      return app.lightState();
    },
    (state) => state === 'synced',
    120_000,
  );
  expect(shown.size).toBeGreaterThanOrEqual(3);
  expect([...shown].join('\n')).toMatch(/10[,. \u202f]?000/);
  await app.closeDialog();
  await app.openGame(`g${GAMES - 1}`);
  await app.waitForTotals(Array<number>(PLAYERS).fill(ROUNDS));
});
