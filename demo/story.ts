import { SyncError } from '../client/src/api/sync-error.js';
import type { Phone } from '../test/support/phone.js';
import { Scorekeeper } from './scorekeeper.js';
import { GAMES, GAMES_AN_EVENING, type Dice, type PaperGame } from './season.js';
import type { Actor, Timeline } from './timeline.js';

/** The devices of one household. */
export interface Cast {
  kitchen: Phone;
  basement: Phone;
  tablet: Phone;
}

/** A server that the story may kill; one that belongs to somebody else is left alone. */
export interface KillableServer {
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** What every chapter has at hand. */
export interface Stage extends Cast {
  timeline: Timeline;
  dice: Dice;
  server: KillableServer | undefined;
}

/** Plays one game on the stage and leaves every phone as its own knowledge has it. */
export type Chapter = (stage: Stage, keeper: Scorekeeper) => Promise<void>;

/** Plays the season, evening by evening; `chapters` says which games are more than a game. */
export async function playStory(
  stage: Stage,
  season: PaperGame[],
  chapters: Readonly<Record<number, Chapter>>,
): Promise<void> {
  for (const game of season) {
    if ((game.number - 1) % GAMES_AN_EVENING === 0) {
      const evening = 1 + (game.number - 1) / GAMES_AN_EVENING;
      stage.timeline.heading(`Evening ${evening} of ${GAMES / GAMES_AN_EVENING}`);
    }
    await (chapters[game.number] ?? ordinaryGame)(stage, new Scorekeeper(game));
  }
}

/** One phone keeps the score and syncs as it goes, the tablet shows it. */
export async function ordinaryGame(stage: Stage, keeper: Scorekeeper): Promise<void> {
  const { kitchen, tablet, timeline } = stage;
  const { rounds, startedAt } = keeper.game;
  const scorer = keeper.game.number % 5 === 0 ? tablet : kitchen;
  await keeper.begin(scorer);
  for (let index = 0; index < rounds.length; index += 4) {
    await keeper.score(scorer, index, Math.min(index + 4, rounds.length));
    await scorer.sync();
  }
  await keeper.finish(scorer);
  await syncAll(scorer, kitchen, tablet);
  timeline.event(
    startedAt,
    scorer.name as Actor,
    `keeps the score of ${keeper.game.name}: ${keeper.summary()}`,
  );
}

/** Syncs one phone after the other. */
export async function syncAll(...phones: Phone[]): Promise<void> {
  for (const phone of phones) await phone.sync();
}

/** Syncs, and expects that it does not work. @returns why */
export async function failToSync(phone: Phone): Promise<SyncError> {
  try {
    await phone.sync();
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error(`${phone.name}: this sync was expected to fail.`);
}
