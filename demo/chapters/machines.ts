import type { Phone } from '../../test/support/phone.js';
import { failToSync, ordinaryGame, syncAll, type Chapter } from '../story.js';

/** Game 17: the answer to a push is lost. */
export const lostAnswer: Chapter = async (stage, keeper) => {
  const { kitchen, timeline } = stage;
  await keeper.begin(kitchen);
  await keeper.score(kitchen, 0, 3);
  kitchen.network.next('push', { fault: 'lost response' });
  const failure = await failToSync(kitchen);
  const waiting = await kitchen.unsyncedCount();
  const clock = await clockOf(kitchen);
  await kitchen.sync();
  const isUnchanged = (await clockOf(kitchen)) === clock;
  timeline.event(
    keeper.game.startedAt,
    'kitchen phone',
    `pushes the first rounds of ${keeper.game.name}, but the answer is lost`,
  );
  timeline.note(
    `${failure.code}; pushes the same ${waiting} changes again: ${isUnchanged ? 'nothing is doubled, the server’s clock stands still' : 'THE CLOCK MOVED'}`,
  );
  await keeper.score(kitchen, 3, keeper.game.rounds.length);
  await keeper.finish(kitchen);
  await kitchen.sync();
  timeline.event(
    keeper.game.rounds.at(-1)!.playedAt,
    'kitchen phone',
    `finishes ${keeper.game.name}: ${keeper.summary()}`,
  );
};

/** Game 26: a push reaches the server twice. */
export const deliveredTwice: Chapter = async (stage, keeper) => {
  stage.kitchen.network.next('push', { fault: 'duplicated request' });
  await ordinaryGame(stage, keeper);
  stage.timeline.note('its first push was delivered twice; it counted once');
};

/** Game 29: the server is killed while a push is under way. */
export const killedServer: Chapter = async (stage, keeper) => {
  const { kitchen, tablet, basement, timeline, server, dice } = stage;
  const { game } = keeper;
  if (!server) {
    await ordinaryGame(stage, keeper);
    timeline.note('(the killed server is left out: this one was not started by the demo)');
    return;
  }
  await keeper.begin(kitchen);
  await keeper.score(kitchen, 0, 12);
  const sent = await kitchen.unsyncedCount();
  let killed: Promise<void> | undefined;
  const delayMs = dice.between(0, 3);
  kitchen.network.next('push', {
    before: () => {
      setTimeout(() => void (killed = server.kill()), delayMs);
      return Promise.resolve();
    },
  });
  const outcome = await kitchen.sync().then(
    () => 'the answer had just come',
    (error: { code?: string }) => error.code,
  );
  await (killed ?? server.kill());
  timeline.event(
    game.rounds[11]!.playedAt,
    'server',
    `is killed (SIGKILL) ${delayMs} ms into a push of ${sent} changes: ${outcome}`,
  );
  await keeper.score(kitchen, 12, game.rounds.length);
  await keeper.finish(kitchen);
  await failToSync(tablet);
  timeline.event(
    game.rounds.at(-1)!.playedAt,
    'kitchen phone',
    `keeps the score to the end all the same: ${keeper.summary()}`,
  );
  await server.restart();
  const stored = (await kitchen.device.pull()).body as {
    changes: Record<string, { updated: { game_id?: string }[] }>;
  };
  const arrived = stored.changes.rounds!.updated.filter(({ game_id }) => game_id === game.id).length;
  timeline.event(game.rounds.at(-1)!.playedAt, 'server', 'is started again on the same data');
  timeline.note(
    `of the push under way it holds ${arrived === 0 ? 'nothing' : arrived === 12 ? 'everything' : `A PART (${arrived} of 12 rounds)`}`,
  );
  if (arrived !== 0 && arrived !== 12) throw new Error('A push was applied in part.');
  await syncAll(kitchen, tablet, basement);
  timeline.event(
    game.rounds.at(-1)!.playedAt,
    'kitchen phone',
    `syncs; ${await kitchen.unsyncedCount()} changes wait`,
  );
};

/** Game 33: the tablet's battery dies in the middle of a game. */
export const emptyBattery: Chapter = async (stage, keeper) => {
  const { tablet, kitchen, timeline } = stage;
  const { game } = keeper;
  tablet.network.isOffline = true;
  await keeper.begin(tablet);
  await keeper.score(tablet, 0, 10);
  await tablet.restart();
  tablet.network.isOffline = false;
  timeline.event(
    game.rounds[9]!.playedAt,
    'tablet',
    `runs out of battery in ${game.name}, offline, and is started again`,
  );
  timeline.note(`${await tablet.unsyncedCount()} changes were saved and are pushed now`);
  await tablet.sync();
  await keeper.score(tablet, 10, game.rounds.length);
  await keeper.finish(tablet);
  await syncAll(tablet, kitchen);
  timeline.event(game.rounds.at(-1)!.playedAt, 'tablet', `finishes ${game.name}: ${keeper.summary()}`);
};

async function clockOf({ device }: Phone): Promise<number> {
  return ((await device.pull()).body as { timestamp: number }).timestamp;
}
