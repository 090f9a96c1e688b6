import { SingleFlight } from '../../src/foundation/flow/single-flight.js';

test('however many ask, one run is under way and one waits, which sees what came before they asked', async () => {
  let state = 'before';
  let runs = 0;
  const coalesced = new SingleFlight(async () => {
    runs += 1;
    const seen = state;
    await new Promise(setImmediate);
    return seen;
  });
  const first = coalesced.run();
  await Promise.resolve(); // the flight has begun
  state = 'after';
  const others = Array.from({ length: 50 }, () => coalesced.run());
  expect(await first).toBe('before');
  expect(new Set(await Promise.all(others))).toEqual(new Set(['after']));
  expect(runs).toBe(2);
});

test('a run that fails fails for those who wait for it, not for the next', async () => {
  let isBroken = true;
  const coalesced = new SingleFlight(() =>
    isBroken ? Promise.reject(new Error('broken')) : Promise.resolve('mended'),
  );
  const asked = [coalesced.run(), coalesced.run()];
  for (const one of asked) await expect(one).rejects.toThrow('broken');
  isBroken = false;
  expect(await coalesced.run()).toBe('mended');
});
