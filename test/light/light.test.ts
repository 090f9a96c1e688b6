import { startApp } from '../support/app.js';
import { playAll } from './play-all.js';
import { describeFailure, isFailed, summarize } from './report.js';
import { testRuns } from './seeds.js';
import type { Outcome } from './world.js';

/** So few that machines with a third of the usual pace keep up with them. */
const PARALLEL = 4;

let outcomes: Map<number, Promise<Outcome>>;

// The runs mostly wait: they go on side by side, and each test takes the outcome of one.
beforeAll(() => {
  outcomes = playAll({
    seeds: testRuns.map(({ seed }) => seed),
    parallel: PARALLEL,
    hostOf: (database, storage) => ({
      start: async ({ env }) => {
        const app = await startApp(database, { storage, env });
        return { url: app.url, purge: () => Promise.resolve(), close: () => app.stop() };
      },
    }),
  });
});

test.each(testRuns)(
  'whenever the light is green it is true, and it turns green after the last fault: seed $seed ($why)',
  async ({ seed }) => {
    const outcome = await outcomes.get(seed)!;
    if (isFailed(outcome)) throw new Error(describeFailure(outcome));
    expect(outcome.greenSamples).toBeGreaterThan(20);
  },
  600_000,
);

test('the runs were no walk in the park', async () => {
  const { edits, faults, restarts, greenSamples } = summarize(await Promise.all(outcomes.values()));
  expect(edits).toBeGreaterThan(1_000);
  expect(faults).toBeGreaterThan(300);
  expect(restarts).toBeGreaterThan(5);
  expect(greenSamples).toBeGreaterThan(5_000);
});
