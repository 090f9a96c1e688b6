import { startApp } from '../support/app.js';
import { playAll, type PlayAllOptions } from './play-all.js';
import { describeFailure, isFailed } from './report.js';
import type { Outcome } from './outcome.js';

/** Few enough for machines with a third of the usual speed. */
const PARALLEL = 4;
/** Long, as other tests keep the machine busy; the soak checks the promised time. */
const RECOVERY_MS = 180_000;

/** Plays runs with their servers in this process. @returns for each seed the promise of its outcome */
export function playInProcess(
  seeds: readonly number[],
  options: Pick<PlayAllOptions, 'isRolledBack' | 'database'> = {},
): Map<number, Promise<Outcome>> {
  return playAll({
    ...options,
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

/** Checks that no light was falsely green, and that in the end all were green over the server's data. */
export function expectTrueLight(outcome: Outcome): void {
  if (isFailed(outcome)) throw new Error(describeFailure(outcome));
  expect(outcome.timeToEqual).not.toBeNull();
  expect(outcome.timesToGreen).toHaveLength(outcome.plan.clients);
}
