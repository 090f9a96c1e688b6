import { RetentionService } from '../../src/sync/retention.service.js';
import { startApp, type DatabaseName, type Storage } from '../support/app.js';
import { createStorage } from '../support/storage.js';
import { runConvergence } from './run.js';
import type { KeptRun } from './seeds.js';
import type { Host } from './world.js';

/** Servers in this process. */
export function hostOf(database: DatabaseName, storage: Storage): Host {
  return {
    start: async ({ now, env }) => {
      const app = await startApp(database, { storage, now, env });
      const purge = () => app.nest.get(RetentionService, { strict: false }).purge();
      return { url: app.url, purge, close: () => app.stop() };
    },
  };
}

/** Plays a run with its servers in this process; in the end all phones and the server must hold the same data. */
export async function expectAgreement(
  database: DatabaseName,
  { seed, steps }: Omit<KeptRun, 'why'>,
): Promise<void> {
  const storage = await createStorage(database);
  try {
    const summary = await runConvergence({ seed, host: hostOf(database, storage), steps });
    // A run in which nothing happened would prove nothing.
    expect(summary.accepted).toBeGreaterThan(10);
    expect(summary.refused).toBeGreaterThan(0);
    expect(summary.rows).toBeGreaterThan(20);
  } finally {
    await storage.dispose();
  }
}
