import type { DatabaseName } from '../support/storage.js';
import { expectTrueLight, playInProcess } from './playing.js';
import type { Outcome } from './outcome.js';

const SEEDS = [1, 2, 3, 5];

describe.each<DatabaseName>(['sqlite', 'postgres'])('on %s', (database) => {
  let outcomes: Map<number, Promise<Outcome>>;

  beforeAll(() => {
    outcomes = playInProcess(SEEDS, { database, isRolledBack: true });
  });

  test.each(SEEDS)(
    'no light is green over data that the server lost when its data was put back: seed %d',
    async (seed) => expectTrueLight(await outcomes.get(seed)!),
    600_000,
  );

  test('devices found it out', async () => {
    const all = await Promise.all(outcomes.values());
    expect(all.reduce((sum, { foundOut }) => sum + foundOut, 0)).toBeGreaterThan(SEEDS.length / 2);
  });
});
