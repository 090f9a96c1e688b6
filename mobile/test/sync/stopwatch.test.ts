import { Stopwatch } from '../../../client/src/light/stopwatch';

test.each([
  ['both clocks go on', [1_000, 1_000], 1_000],
  ['the wall clock is set back', [-3_600_000, 1_000], 1_000],
  ['the wall clock is set forward', [3_600_000, 1_000], 3_600_000],
  ['the phone slept, and the steady clock with it', [60_000, 0], 60_000],
])('when %s, no age gets smaller than it is', (_, [wallStep, steadyStep], elapsed) => {
  let wall = 1_800_000_000_000;
  let steady = 5;
  const stopwatch = new Stopwatch(
    () => wall,
    () => steady,
  );
  const before = stopwatch.read();

  wall += wallStep!;
  steady += steadyStep!;

  expect(stopwatch.read() - before).toBe(elapsed);
});
