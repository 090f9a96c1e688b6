import { startApp } from '../support/app.js';
import { playAll } from './play-all.js';
import { describeFailure, isFailed } from './report.js';
import type { Outcome } from './world.js';

/** So few that machines with a third of the usual pace keep up with them. */
const PARALLEL = 4;
/** Long, as machines that are busy with many tests take their time; the soak holds the light to its promise. */
const RECOVERY_MS = 180_000;

/** Plays runs with their servers in this process. @returns for each seed its outcome to come */
export function playInProcess(seeds: readonly number[]): Map<number, Promise<Outcome>> {
  return playAll({
    seeds,
    parallel: PARALLEL,
    recoveryMs: RECOVERY_MS,
    hostOf: (database, storage) => ({
      start: async ({ env }) => {
        const app = await startApp(database, { storage, env });
        return { url: app.url, purge: () => Promise.resolve(), close: () => app.stop() };
      },
    }),
  });
}

/** Checks that no light was green without right, and that in the end all were, over the server's data. */
export function expectTrueLight(outcome: Outcome): void {
  if (isFailed(outcome)) throw new Error(describeFailure(outcome));
  expect(outcome.timeToEqual).not.toBeNull();
  expect(outcome.timesToGreen).toHaveLength(outcome.plan.clients);
}
