import { startPostgres } from '../support/postgres.js';
import { createStorage } from '../support/storage.js';
import { runCrash } from './crash.js';

/** `npm run soak -- --only crash --kills 100` kills as often as asked. */
const KILLS = 5;

// Acknowledged pushes are stored, others as a whole or not at all, and no clock decreases (records.md, Concurrency).
describe('a server killed while devices push', () => {
  test('on SQLite keeps what it acknowledged and tears nothing', async () => {
    const storage = await createStorage('sqlite');
    try {
      expectRealRun(await runCrash({ seed: 1, kills: KILLS, storage }));
    } finally {
      await storage.dispose();
    }
  });

  test('on PostgreSQL keeps what it acknowledged and tears nothing', async () => {
    // PostgreSQL is not killed; it waits for the disk, as it does outside of tests.
    await using postgres = await startPostgres({ durable: true });
    const storage = await createStorage('postgres', { postgres });
    try {
      expectRealRun(await runCrash({ seed: 1, kills: KILLS, storage }));
    } finally {
      await storage.dispose();
    }
  });
});

/** Checks that some kills struck during a push: otherwise the run proves nothing. */
function expectRealRun(summary: Awaited<ReturnType<typeof runCrash>>): void {
  expect(summary).toMatchObject({ kills: KILLS });
  expect(summary.acknowledged).toBeGreaterThan(5);
  expect(summary.there + summary.notThere).toBeGreaterThan(0);
  expect(summary.rows).toBeGreaterThan(0);
}
