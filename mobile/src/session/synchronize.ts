import { synchronize as syncOnce, type SyncArgs } from '@nozbe/watermelondb/sync/index.js';

/** One sync of the local database by WatermelonDB. The client passes in what to pull, push and resolve. */
export async function synchronize(args: SyncArgs): Promise<void> {
  await syncOnce(args);
}
