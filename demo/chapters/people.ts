import { Scorekeeper } from '../scorekeeper.js';
import { runningTotals } from '../season.js';
import { failToSync, ordinaryGame, syncAll, type Chapter } from '../story.js';

/** Games 5 and 6: the basement has no network. */
export const belowGround: Chapter = async (stage, keeper) => {
  const { basement, kitchen, tablet, timeline } = stage;
  const { name, rounds, startedAt, number } = keeper.game;
  if (number === 5) {
    await basement.sync();
    basement.network.isOffline = true;
    timeline.event(startedAt, 'basement phone', 'goes down to the basement: no network');
  }
  await keeper.begin(basement);
  await keeper.score(basement, 0, rounds.length);
  await keeper.finish(basement);
  const failure = await failToSync(basement);
  timeline.event(startedAt, 'basement phone', `keeps the score of ${name} offline: ${keeper.summary()}`);
  timeline.note(
    `${failure.code}; ${await basement.unsyncedCount()} changes are saved on this phone and wait`,
  );
  if (number !== 6) return;
  basement.network.isOffline = false;
  const waiting = await basement.unsyncedCount();
  await syncAll(basement, kitchen, tablet);
  timeline.event(
    rounds.at(-1)!.playedAt,
    'basement phone',
    `is back upstairs: ${waiting} changes pushed at once`,
  );
};

/** Game 9: two phones keep the score of one game, one of them offline. */
export const bothSides: Chapter = async (stage, keeper) => {
  const { basement, kitchen, tablet, timeline } = stage;
  const { rounds, startedAt, seats } = keeper.game;
  await keeper.begin(kitchen);
  await syncAll(kitchen, basement);
  basement.network.isOffline = true;
  timeline.event(
    startedAt,
    'kitchen phone',
    `begins ${keeper.game.name}; upstairs and downstairs take turns at scoring it`,
  );
  for (let index = 0; index < rounds.length; index += 1) {
    if (index % 2 === 0) {
      await keeper.scoreRound(kitchen, index);
      await kitchen.sync();
    } else {
      await keeper.scoreRound(basement, index);
    }
  }
  await keeper.change(kitchen, { name: `${keeper.game.name}, the rematch` });
  await keeper.change(basement, { target_score: keeper.game.target + 20 });
  await kitchen.sync();
  basement.network.isOffline = false;
  await syncAll(basement, kitchen);
  await keeper.finish(kitchen);
  await syncAll(kitchen, basement, tablet);
  const at = rounds.at(-1)!.playedAt;
  timeline.event(at, 'basement phone', `merges its half of the rounds: ${keeper.summary()}`);
  timeline.note('one phone renamed the game, the other raised its target: both edits are kept');
  const player = await tablet.find('game_players', seats[0]!.id);
  const computed = runningTotals(keeper.game).at(-1)![0];
  timeline.note(
    `stored total of ${seats[0]!.name}: ${player?.current_total}; computed from the scores: ${computed}`,
  );
};

/** Game 11: a round was entered twice, and one of the two is deleted elsewhere. */
export const enteredTwice: Chapter = async (stage, keeper) => {
  const { kitchen, tablet, timeline, dice } = stage;
  await keeper.begin(kitchen);
  await keeper.score(kitchen, 0, 6);
  const { round_number, ...again } = (await kitchen.find('rounds', keeper.game.rounds[5]!.id))!;
  const duplicate = await kitchen.create(
    'rounds',
    { ...again, round_number: Number(round_number) + 1 },
    dice.id(),
  );
  await kitchen.createAll(
    'scores',
    keeper.game.seats.map(({ id }) => ({
      id: dice.id(),
      round_id: duplicate,
      player_id: id,
      final_score: 5,
    })),
  );
  await syncAll(kitchen, tablet);
  const scores = (await tablet.rows('scores')).length;
  await tablet.delete('rounds', duplicate);
  await syncAll(tablet, tablet, kitchen);
  timeline.event(
    keeper.game.startedAt,
    'kitchen phone',
    `enters round 6 of ${keeper.game.name} twice by mistake`,
  );
  timeline.event(keeper.game.rounds[6]!.playedAt, 'tablet', 'deletes the second one');
  timeline.note(`its ${scores - (await kitchen.rows('scores')).length} scores go with it on every device`);
  await keeper.score(kitchen, 6, keeper.game.rounds.length);
  await keeper.finish(kitchen);
  await syncAll(kitchen, tablet);
  timeline.event(
    keeper.game.rounds.at(-1)!.playedAt,
    'kitchen phone',
    `finishes ${keeper.game.name}: ${keeper.summary()}`,
  );
};

/** Game 13: two devices push an edit of the same rows at the same moment. */
export const sameMoment: Chapter = async (stage, keeper) => {
  const { kitchen, tablet, basement, timeline } = stage;
  await ordinaryGame(stage, keeper);
  const at = keeper.game.rounds.at(-1)!.playedAt;
  await keeper.change(tablet, { name: `${keeper.game.name}, the long one` });
  const { raw } = keeper.game.rounds[3]!.hands[2]!;
  await keeper.correct(tablet, 3, 2, raw + 1);
  await keeper.change(kitchen, { target_score: 90 });
  await keeper.correct(kitchen, 3, 2, raw + 2); // pushed last, so it has the last word
  kitchen.network.exchanges.length = 0;
  kitchen.network.next('push', { before: () => tablet.sync() });
  await kitchen.sync();
  timeline.event(
    at,
    'kitchen phone',
    'and the tablet correct the same round and edit the same game at the same moment',
  );
  const exchanges = kitchen.network.exchanges.filter(({ request }) => /^pu(ll|sh)$/.test(request));
  const course = exchanges.map(({ request, status }) => `${request} ${status}`).join(', ');
  timeline.note(`${course}: merged and pushed again by itself`);
  await keeper.finish(kitchen);
  await syncAll(kitchen, tablet, basement);
};

/** Game 21: it is begun twice, and the one that is deleted goes on being scored elsewhere. */
export const deletedButScored: Chapter = async (stage, keeper) => {
  const { kitchen, basement, tablet, timeline, dice } = stage;
  const { game } = keeper;
  const twin = new Scorekeeper({
    ...game,
    id: dice.id(),
    seats: game.seats.map((seat) => ({ ...seat, id: dice.id() })),
    rounds: game.rounds.map((round) => ({
      ...round,
      id: dice.id(),
      scoreIds: round.scoreIds.map(() => dice.id()),
    })),
  });
  await keeper.begin(kitchen);
  await twin.begin(tablet);
  await syncAll(kitchen, tablet, basement);
  basement.network.isOffline = true;
  timeline.event(game.startedAt, 'tablet', `begins ${game.name} too: now there are two of it`);
  await twin.score(basement, 0, 3);
  await keeper.score(kitchen, 0, 3);
  await kitchen.sync();
  await kitchen.delete('games', twin.game.id);
  await kitchen.sync();
  timeline.event(game.rounds[2]!.playedAt, 'kitchen phone', 'deletes the superfluous one');
  basement.network.isOffline = false;
  await basement.sync();
  const { rejected = [] } = basement.network.last('push').answered as { rejected?: { reason: string }[] };
  timeline.event(
    game.rounds[2]!.playedAt,
    'basement phone',
    'had scored three rounds into the deleted one, offline',
  );
  timeline.note(
    `${rejected.length} rows come back as ${[...new Set(rejected.map(({ reason }) => reason))].join(', ')}`,
  );
  await basement.sync();
  timeline.note(
    `after its next pull it holds ${(await basement.rows('games')).length} games, the deleted one not among them`,
  );
  await keeper.score(basement, 3, game.rounds.length);
  await keeper.finish(basement);
  await syncAll(basement, kitchen, tablet);
  timeline.event(
    game.rounds.at(-1)!.playedAt,
    'basement phone',
    `goes on with the right one: ${keeper.summary()}`,
  );
};
