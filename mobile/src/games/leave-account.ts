import type { Database } from '@nozbe/watermelondb';
import { forgetShareLinks } from './share-links';
import { emptyTrash } from './trash';

/** Forgets what the app keeps beside the games, once this device has given the games themselves up. */
export async function leaveAccount(database: Database): Promise<void> {
  await emptyTrash(database);
  await forgetShareLinks(database);
}
