import { faultKinds } from './faults.js';
import { expectTrueLight, playInProcess } from './playing.js';
import { summarize } from './report.js';
import { testRuns } from './seeds.js';
import type { Outcome } from './outcome.js';

let outcomes: Map<number, Promise<Outcome>>;

// The runs mostly wait, so they run in parallel; each test takes the outcome of one.
beforeAll(() => {
  outcomes = playInProcess(testRuns.map(({ seed }) => seed));
});

test.each(testRuns)(
  'whenever the light is green it is true, and it turns green after the last fault: seed $seed ($why)',
  async ({ seed }) => expectTrueLight(await outcomes.get(seed)!),
  600_000,
);

test('the runs were no walk in the park', async () => {
  const all = await Promise.all(outcomes.values());
  const { edits, faults, restarts } = summarize(all);
  expect(edits).toBeGreaterThan(1_000);
  expect(faults).toBeGreaterThan(300);
  expect(restarts).toBeGreaterThan(5);
  const events = all.flatMap(({ plan }) => plan.events);
  const struck = new Set(events.flatMap((event) => ('fault' in event ? event.fault.kind : [])));
  expect([...struck].sort()).toEqual([...faultKinds].sort());
  // A light that is never green during faults could not be false.
  expect(all.filter(({ wasGreenAmidFaults }) => wasGreenAmidFaults).length).toBeGreaterThan(all.length / 2);
});
