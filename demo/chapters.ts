import { deliveredTwice, emptyBattery, killedServer, lostAnswer } from './chapters/machines.js';
import { belowGround, bothSides, deletedButScored, enteredTwice, sameMoment } from './chapters/people.js';
import type { Chapter } from './story.js';

/** The games that are more than a game, by their number. */
export const chapters: Readonly<Record<number, Chapter>> = {
  5: belowGround,
  6: belowGround,
  9: bothSides,
  11: enteredTwice,
  13: sameMoment,
  17: lostAnswer,
  21: deletedButScored,
  26: deliveredTwice,
  29: killedServer,
  33: emptyBattery,
};
