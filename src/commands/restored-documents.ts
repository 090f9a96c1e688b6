import { existsSync, linkSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type BetterSqlite from 'better-sqlite3';
import type { ClientBase } from 'pg';
import { workingCopyPath } from '../documents/content/working-copies.js';
import { newMark } from '../documents/version.js';
import { syncToDiskSync } from '../foundation/files/sync-to-disk.js';
import { FREE_LOCK } from '../locks/locks.repository.js';

// A restore takes documents back in time, while clients and working copies keep versions made after the backup. So every
// document starts a new epoch that none of them knows: the time in milliseconds, which is above every counted epoch.

/** More than any fencing or owner token can have grown since the backup. */
const TOKENS_APART = 1_000_000_000;

const RELEASE_LOCKS = `UPDATE document_locks SET ${FREE_LOCK}, fencing_token = fencing_token + ${TOKENS_APART}`;

const FREE_OWNER = `owner_id = NULL, owner_expires_at = NULL, owner_token = owner_token + ${TOKENS_APART}`;

const IS_UPLOADED = 'stored_epoch IS NOT NULL AND epoch = stored_epoch AND version = stored_version';

/**
 * The uploaded version becomes the first version of the new epoch. If it was not the current content, the database does not
 * have its size: it is 0 until `findLostObjects` reads it from the object.
 */
const GO_ON_FROM_STORAGE = `epoch = $1, version = 1, stored_epoch = $1, stored_version = 1, pending_since = NULL,
  upload_due_at = NULL, upload_failures = 0, size_bytes = CASE WHEN ${IS_UPLOADED} THEN size_bytes ELSE 0 END, ${FREE_OWNER}`;

/** The working copy, or the journal's content, becomes the first version of the new epoch and is due for upload. */
const GO_ON_FROM_COPY = `epoch = $1, version = 1, pending_since = updated_at, upload_due_at = updated_at, ${FREE_OWNER}`;

/** Forgets open uploads without sweeping their objects: in a later backup such an object may be a version. */
const FORGET_OPEN_UPLOADS = "DELETE FROM document_versions WHERE state = 'uploading'";
/** The same for a backup from before versions had a state; the server's next start migrates it. */
const FORGET_STATELESS_UPLOADS = 'DELETE FROM document_versions WHERE uploaded_at IS NULL AND sha256 IS NULL';

/** Every document goes on as a new version, so it gets a new mark; and so does the stored one, if it is that version. */
const RENEW_MARKS = `UPDATE documents SET mark = $1, stored_mark =
  CASE WHEN stored_epoch = epoch AND stored_version = version THEN $1 ELSE stored_mark END`;

/** One more than every known epoch, as the clock may have been ahead at an earlier restore. */
const LEAST_EPOCH = `SELECT coalesce(max(CASE WHEN stored_epoch > epoch THEN stored_epoch ELSE epoch END), 0) + 1 AS "epoch"
  FROM documents`;

interface DocumentRow {
  account_id: string;
  video_id: string;
  kind: string;
  epoch: number;
  /** Null: not known; undefined: the backup is from before there were marks. */
  mark?: string | null;
}

/**
 * Starts a new epoch for every document of a restored database.
 * @param dataDir the data folder, which may still hold working copies
 * @param at the current time, epoch ms: the new epoch, unless a known one is greater
 * @returns a sentence about documents whose newest content is lost; empty: none
 */
export function renewSqliteDocuments(handle: BetterSqlite.Database, dataDir: string, at: number): string {
  const next = Math.max(at, handle.prepare(LEAST_EPOCH).pluck().get() as number);
  const mark = hasColumn(handle, 'documents', 'mark') ? newMark() : null;
  // better-sqlite3 can use a named parameter twice, but not a numbered one.
  const prepare = (sql: string) => handle.prepare(sql.replaceAll('$', '@p'));
  const onlyInCopy = prepare(`SELECT * FROM documents WHERE NOT (${IS_UPLOADED})`).all() as DocumentRow[];
  const kept = onlyInCopy.filter((row) => keepCopy(dataDir, row, { epoch: next, mark }));
  const goOn = prepare(
    `UPDATE documents SET ${GO_ON_FROM_COPY} WHERE account_id = $2 AND video_id = $3 AND kind = $4`,
  );
  for (const { account_id, video_id, kind } of kept) {
    goOn.run({ p1: next, p2: account_id, p3: video_id, p4: kind });
  }
  const stored = `UPDATE documents SET ${GO_ON_FROM_STORAGE} WHERE epoch <> $1 AND stored_epoch IS NOT NULL`;
  prepare(stored).run({ p1: next });
  const gone = prepare('DELETE FROM documents WHERE epoch <> $1').run({ p1: next }).changes;
  if (mark !== null) prepare(RENEW_MARKS).run({ p1: mark });
  const hasStates = hasColumn(handle, 'document_versions', 'state');
  handle.exec(hasStates ? FORGET_OPEN_UPLOADS : FORGET_STATELESS_UPLOADS);
  handle.exec(RELEASE_LOCKS);
  const older = onlyInCopy.length - kept.length - gone;
  return sentence(older, gone);
}

/** Does the same as `renewSqliteDocuments`; content that is not uploaded is in the journal, which the backup includes. */
export async function renewPostgresDocuments(client: ClientBase, at: number): Promise<void> {
  const { rows } = await client.query<{ epoch: string }>(LEAST_EPOCH);
  const next = Math.max(at, Number(rows[0]!.epoch));
  await client.query(
    `DELETE FROM document_journal j WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.account_id = j.account_id
       AND d.video_id = j.video_id AND d.kind = j.kind AND d.epoch = j.epoch AND d.version = j.version)`,
  );
  await client.query('UPDATE document_journal SET epoch = $1, version = 1', [next]);
  await client.query(`UPDATE documents SET ${GO_ON_FROM_COPY} WHERE NOT (${IS_UPLOADED})`, [next]);
  await client.query(`UPDATE documents SET ${GO_ON_FROM_STORAGE} WHERE epoch <> $1`, [next]);
  const hasColumn = async (table: string, column: string) => {
    const sql = 'SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2';
    return (await client.query(sql, [table, column])).rowCount === 1;
  };
  if (await hasColumn('documents', 'mark')) await client.query(RENEW_MARKS, [newMark()]);
  await client.query(
    (await hasColumn('document_versions', 'state')) ? FORGET_OPEN_UPLOADS : FORGET_STATELESS_UPLOADS,
  );
  await client.query(RELEASE_LOCKS);
}

function hasColumn(handle: BetterSqlite.Database, table: string, column: string): boolean {
  const sql = 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?';
  return handle.prepare(sql).get(table, column) !== undefined;
}

/** Links a working copy under the new version's name. @returns false when this data folder does not have it */
function keepCopy(dataDir: string, row: DocumentRow, next: { epoch: number; mark: string | null }): boolean {
  const folder = join(dataDir, 'documents');
  const ref = { accountId: row.account_id, videoId: row.video_id, kind: row.kind };
  for (const number of existsSync(folder) ? readdirSync(folder) : []) {
    const copy = workingCopyPath(join(folder, number), ref, { epoch: row.epoch, mark: row.mark ?? null });
    if (!existsSync(copy)) continue;
    linkSync(copy, workingCopyPath(join(folder, number), ref, next));
    syncToDiskSync(dirname(copy));
    return true;
  }
  return false;
}

function sentence(older: number, gone: number): string {
  const parts = [
    older > 0 && `${older} documents go on from their last upload`,
    gone > 0 && `${gone} documents that were never uploaded are lost`,
  ].filter(Boolean);
  if (parts.length === 0) return '';
  return ` Working copies are not part of a backup, and were not in the data folder: ${parts.join('; ')}.`;
}
