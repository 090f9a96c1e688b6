import { forEachDatabase } from '../support/app.js';
import { copyStorage, createStorage } from '../support/storage.js';
import { hostOf } from './agreement.js';
import { runRollBacks } from './roll-backs.js';

/** records.md, "A server that went back in time". `npm run soak` plays more seeds. */
forEachDatabase((database) => {
  test.each([1, 2])('every loss is noticed, and nothing else: seed %i', async (seed) => {
    const storage = await createStorage(database);
    try {
      const summary = await runRollBacks({
        seed,
        steps: 100,
        storage,
        copy: copyStorage,
        hostOf: (each) => Promise.resolve(hostOf(database, each)),
      });
      // A run in which nothing happened would prove nothing.
      expect(summary.rollBacks).toBeGreaterThan(2);
      expect(summary.noticed).toBeGreaterThan(2);
      expect(summary.pushes).toBeGreaterThan(20);
    } finally {
      await storage.dispose();
    }
  });
});
