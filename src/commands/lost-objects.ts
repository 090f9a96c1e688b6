import { declaredTables } from '../declared-tables.js';
import { inflatedBytes } from '../documents/import/inflate.js';
import type { Config } from '../foundation/config/config.js';
import type { Database } from '../foundation/database/database.js';
import { openDatabase } from '../foundation/database/open.js';
import { AppError } from '../foundation/errors/app-error.js';
import { keyOf, type DocumentRef } from '../locks/lock.js';
import { serverTables } from '../tables.js';
import { openStorage } from '../storage/open.js';
import type { ObjectStorage } from '../storage/storage.js';

const AT_ONCE = 16;

interface Stored extends DocumentRef {
  epoch: number;
  version: number;
  key: string;
  /** Size of the content; 0: unknown. */
  sizeBytes: number;
  isPending: boolean;
}

interface Outcome {
  name: string;
  /** `all`: nothing is missing; `older`: only an older version is left; `nothing`: no version is left. */
  left: 'all' | 'older' | 'nothing';
}

/**
 * Checks, after a restore, that object storage still has the objects that the documents refer to.
 * @returns a sentence about documents that changed, or why the check failed; empty: all are as in the backup
 */
export async function lookForObjects(config: Config): Promise<string> {
  let database: Database | undefined;
  try {
    database = await openDatabase(config, await declaredTables(config.tables), serverTables);
    return await findLostObjects(database, await openStorage(config, Date.now));
  } catch (error) {
    const reason = (error as Error).message;
    return ` Whether the store still has all documents is not known (${reason}); restore again when that is mended.`;
  } finally {
    await database?.close();
  }
}

/**
 * Finds documents of a restored database whose object was swept after the backup. Such a document continues from its
 * newest version that object storage still has, with that version's size.
 * @returns a sentence about documents that changed; empty: all are as in the backup
 * @throws AppError STORAGE_UNAVAILABLE
 */
export async function findLostObjects(database: Database, storage: ObjectStorage): Promise<string> {
  const queue = await database.query<Stored>(
    `SELECT account_id AS "accountId", video_id AS "videoId", kind AS "kind", epoch AS "epoch", version AS "version",
       stored_key AS "key", size_bytes AS "sizeBytes", upload_due_at IS NOT NULL AS "isPending"
     FROM documents WHERE stored_key IS NOT NULL`,
  );
  const outcomes: Outcome[] = [];
  const work = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift())
      outcomes.push(await look(storage, database, next));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const named = (left: Outcome['left']) =>
    outcomes.filter((one) => one.left === left).map(({ name }) => name);
  const [older, gone] = [named('older'), named('nothing')];
  if (gone.length > 0 && gone.length === outcomes.length) {
    return ' The store has none of the documents; is STORAGE_URL what it was? If not, restore again.';
  }
  return [
    older.length > 0 &&
      ` Their newest version is no longer in the store, so these go on from an older one: ${older.join(', ')}.`,
    gone.length > 0 && ` Nothing is left in the store of: ${gone.join(', ')}.`,
  ]
    .filter(Boolean)
    .join('');
}

async function look(storage: ObjectStorage, database: Database, document: Stored): Promise<Outcome> {
  const { accountId, videoId, kind, key, sizeBytes, isPending } = document;
  const name = keyOf(document);
  // The content of a pending document is in the journal or on disk, and will be uploaded again.
  if (isPending || (sizeBytes > 0 && (await storage.stat(key)))) return { name, left: 'all' };
  const versions = await database.query<{ key: string }>(
    `SELECT object_key AS "key" FROM document_versions
     WHERE account_id = $1 AND video_id = $2 AND kind = $3 AND state = 'stored'
     ORDER BY object_key <> $4, epoch DESC, version DESC`,
    [accountId, videoId, kind, key],
  );
  for (const version of versions) {
    const contentBytes = await contentBytesOf(storage, version.key);
    if (contentBytes === null) continue;
    await goOnFrom(database, document, version.key, contentBytes);
    return { name, left: version.key === key ? 'all' : 'older' };
  }
  return { name, left: 'nothing' };
}

/** The size of an object's content; null: the object is missing or damaged. @throws AppError STORAGE_UNAVAILABLE */
async function contentBytesOf(storage: ObjectStorage, key: string): Promise<number | null> {
  try {
    return await inflatedBytes(await storage.read(key));
  } catch (error) {
    if (error instanceof AppError && ['OBJECT_NOT_FOUND', 'DOCUMENT_INVALID'].includes(error.code))
      return null;
    throw error;
  }
}

async function goOnFrom(
  database: Database,
  { accountId, videoId, kind, epoch, version, key }: Stored,
  newKey: string,
  contentBytes: number,
): Promise<void> {
  await database.write(
    `UPDATE documents SET size_bytes = $8, has_clocks = CASE WHEN stored_key = $4 THEN has_clocks ELSE 0 END,
       (version, stored_version, stored_key, stored_sha256, stored_size_bytes, uploaded_at) = (
       SELECT version, version, object_key, sha256, size_bytes, uploaded_at FROM document_versions
       WHERE account_id = $1 AND video_id = $2 AND kind = $3 AND object_key = $4)
     WHERE account_id = $1 AND video_id = $2 AND kind = $3 AND epoch = $5 AND version = $6 AND stored_key = $7`,
    [accountId, videoId, kind, newKey, epoch, version, key, contentBytes],
  );
}
