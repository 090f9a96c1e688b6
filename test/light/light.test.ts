import { expectTrueLight, playInProcess } from './playing.js';

/** A short run of three devices, with seven faults and two restarts of the server. */
const SEED = 22;

test('whenever the light is green it is true, and it turns green after the last fault', async () => {
  expectTrueLight(await playInProcess([SEED]).get(SEED)!);
});
