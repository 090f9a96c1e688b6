import { RetentionService } from '../../src/sync/retention.service.js';
import { forEachDatabase, startApp } from '../support/app.js';
import { createStorage } from '../support/storage.js';
import { runConvergence } from './run.js';
import { keptRuns } from './seeds.js';
import type { Host } from './world.js';

forEachDatabase((database) => {
  test.each(keptRuns)(
    'all phones and the server agree in the end: seed $seed ($why)',
    async ({ seed, steps }) => {
      const storage = await createStorage(database);
      try {
        const host: Host = {
          start: async ({ now, env }) => {
            const app = await startApp(database, { storage, now, env });
            const purge = () => app.nest.get(RetentionService, { strict: false }).purge();
            return { url: app.url, purge, close: () => app.stop() };
          },
        };
        const summary = await runConvergence({ seed, host, steps });
        // A run in which nothing happened would prove nothing.
        expect(summary.accepted).toBeGreaterThan(10);
        expect(summary.refused).toBeGreaterThan(0);
        expect(summary.rows).toBeGreaterThan(20);
      } finally {
        await storage.dispose();
      }
    },
  );
});
