import type { Database } from '@nozbe/watermelondb';
import { forgetShareLinks } from './share-links';
import { emptyTrash } from './trash';

/** Erases the local extras (deleted games, share links); call after this device's games were erased. */
export async function leaveAccount(database: Database): Promise<void> {
  await emptyTrash(database);
  await forgetShareLinks(database);
}
