import { existsSync, linkSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import BetterSqlite from 'better-sqlite3';
import type { ClientBase } from 'pg';
import { workingCopyPath } from '../documents/content/copy-files.js';
import { mergingVersion } from '../documents/import/merging-version.js';
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
 * The uploaded version goes on in the new epoch. If it was not the current content, the database does not have its size: it
 * is 0 until `findLostObjects` reads it from the object.
 */
const GO_ON_FROM_STORAGE = `epoch = $1, version = stored_version, stored_epoch = $1, pending_since = NULL,
  upload_due_at = NULL, upload_failures = 0, size_bytes = CASE WHEN ${IS_UPLOADED} THEN size_bytes ELSE 0 END, ${FREE_OWNER}`;

/** The working copy, or what the journal has, goes on in the new epoch and is due for upload. */
const GO_ON_FROM_COPY = `epoch = $1, pending_since = updated_at, upload_due_at = updated_at,
  stored_epoch = CASE WHEN stored_epoch = epoch THEN $1 ELSE stored_epoch END, ${FREE_OWNER}`;

/** Whether the uploaded content of an earlier epoch can merge changes is not known; then it is imported anew. */
const FORGET_CLOCKS = `UPDATE documents SET has_clocks = 0 WHERE stored_epoch <> epoch AND epoch <> $1`;

/** Forgets open uploads without sweeping their objects: in a later backup such an object may be a version. */
const FORGET_OPEN_UPLOADS = "DELETE FROM document_versions WHERE state = 'uploading'";
/** The same for a backup from before versions had a state; the server's next start migrates it. */
const FORGET_STATELESS_UPLOADS = 'DELETE FROM document_versions WHERE uploaded_at IS NULL AND sha256 IS NULL';

/** Every document goes on in a new epoch, so it gets a new mark; and so does the stored version, if it is of that epoch. */
const RENEW_MARKS = `UPDATE documents SET mark = $1, stored_mark = CASE WHEN stored_epoch = epoch THEN $1 ELSE stored_mark END`;

/** The same for the mark by which working copies are named, and for those of all versions. */
const RENEW_CONTENT_MARKS = [
  'UPDATE documents SET content_mark = mark',
  'DELETE FROM document_marks',
  `INSERT INTO document_marks (account_id, video_id, kind, epoch, from_version, mark)
   SELECT account_id, video_id, kind, epoch, 1, mark FROM documents`,
];

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
  /** Undefined: the backup is from before live documents, when each content had one mark. */
  content_mark?: string | null;
}

/** A working copy that goes on in the new epoch. */
interface KeptCopy {
  row: DocumentRow;
  sizeBytes: number;
  /** Null: it does not merge changes, so it is the first version of its epoch. */
  version: number | null;
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
  const kept = onlyInCopy.flatMap((row) => keepCopy(dataDir, row, { epoch: next, mark }) ?? []);
  const isLive = hasColumn(handle, 'documents', 'content_mark');
  goOnFromCopies(prepare, kept, next, isLive);
  if (isLive) prepare(FORGET_CLOCKS).run({ p1: next });
  const stored = `UPDATE documents SET ${GO_ON_FROM_STORAGE} WHERE epoch <> $1 AND stored_epoch IS NOT NULL`;
  prepare(stored).run({ p1: next });
  const gone = prepare('DELETE FROM documents WHERE epoch <> $1').run({ p1: next }).changes;
  if (mark !== null) prepare(RENEW_MARKS).run({ p1: mark });
  if (isLive) {
    prepare('DELETE FROM document_journal WHERE epoch <> $1').run({ p1: next });
    for (const statement of RENEW_CONTENT_MARKS) handle.exec(statement);
  }
  const hasStates = hasColumn(handle, 'document_versions', 'state');
  handle.exec(hasStates ? FORGET_OPEN_UPLOADS : FORGET_STATELESS_UPLOADS);
  handle.exec(RELEASE_LOCKS);
  const older = onlyInCopy.length - kept.length - gone;
  return sentence(older, gone);
}

/** Lets documents go on from their working copies. A copy may be newer than the backup, and then raises the version. */
function goOnFromCopies(
  prepare: (sql: string) => BetterSqlite.Statement,
  kept: KeptCopy[],
  epoch: number,
  isLive: boolean,
): void {
  const thisDocument = 'account_id = $2 AND video_id = $3 AND kind = $4';
  const goOn = prepare(
    `UPDATE documents SET ${GO_ON_FROM_COPY}, version = max(version, $5), size_bytes = $6 WHERE ${thisDocument}`,
  );
  const moveBatches =
    isLive && prepare(`UPDATE document_journal SET epoch = $1 WHERE ${thisDocument} AND epoch = $5`);
  for (const { row, version, sizeBytes } of kept) {
    const document = { p1: epoch, p2: row.account_id, p3: row.video_id, p4: row.kind };
    goOn.run({ ...document, p5: version ?? 1, p6: sizeBytes });
    if (moveBatches) moveBatches.run({ ...document, p5: row.epoch });
  }
}

/** Does the same as `renewSqliteDocuments`; content that is not uploaded is in the journal, which the backup includes. */
export async function renewPostgresDocuments(client: ClientBase, at: number): Promise<void> {
  const { rows } = await client.query<{ epoch: string }>(LEAST_EPOCH);
  const next = Math.max(at, Number(rows[0]!.epoch));
  await client.query(
    `DELETE FROM document_journal j WHERE NOT EXISTS (SELECT 1 FROM documents d WHERE d.account_id = j.account_id
       AND d.video_id = j.video_id AND d.kind = j.kind AND d.epoch = j.epoch AND j.version BETWEEN 1 AND d.version)`,
  );
  await client.query('UPDATE document_journal SET epoch = $1', [next]);
  await client.query(`UPDATE documents SET ${GO_ON_FROM_COPY} WHERE NOT (${IS_UPLOADED})`, [next]);
  const hasColumn = async (table: string, column: string) => {
    const sql = 'SELECT 1 FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2';
    return (await client.query(sql, [table, column])).rowCount === 1;
  };
  const isLive = await hasColumn('documents', 'content_mark');
  if (isLive) await client.query(FORGET_CLOCKS, [next]);
  await client.query(`UPDATE documents SET ${GO_ON_FROM_STORAGE} WHERE epoch <> $1`, [next]);
  if (await hasColumn('documents', 'mark')) await client.query(RENEW_MARKS, [newMark()]);
  if (isLive) for (const statement of RENEW_CONTENT_MARKS) await client.query(statement);
  await client.query(
    (await hasColumn('document_versions', 'state')) ? FORGET_OPEN_UPLOADS : FORGET_STATELESS_UPLOADS,
  );
  await client.query(RELEASE_LOCKS);
}

function hasColumn(handle: BetterSqlite.Database, table: string, column: string): boolean {
  const sql = 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?';
  return handle.prepare(sql).get(table, column) !== undefined;
}

/** Links a working copy under the new version's name. @returns null when this data folder does not have it */
function keepCopy(
  dataDir: string,
  row: DocumentRow,
  next: { epoch: number; mark: string | null },
): KeptCopy | null {
  const folder = join(dataDir, 'documents');
  const ref = { accountId: row.account_id, videoId: row.video_id, kind: row.kind };
  const content = { epoch: row.epoch, mark: row.content_mark ?? row.mark ?? null };
  for (const number of existsSync(folder) ? readdirSync(folder) : []) {
    const copy = workingCopyPath(join(folder, number), ref, content);
    if (!existsSync(copy)) continue;
    const version = rollBack(copy);
    linkSync(copy, workingCopyPath(join(folder, number), ref, next));
    syncToDiskSync(dirname(copy));
    return { row, version, sizeBytes: statSync(copy).size };
  }
  return null;
}

/**
 * Rolls back a batch that a killed server left half written: its journal would not be found under another name.
 * @returns the copy's version; null: it does not merge changes
 */
function rollBack(copy: string): number | null {
  const database = new BetterSqlite(copy);
  try {
    return mergingVersion(database);
  } finally {
    database.close();
  }
}

function sentence(older: number, gone: number): string {
  const parts = [
    older > 0 && `${older} documents go on from their last upload`,
    gone > 0 && `${gone} documents that were never uploaded are lost`,
  ].filter(Boolean);
  if (parts.length === 0) return '';
  return ` Working copies are not part of a backup, and were not in the data folder: ${parts.join('; ')}.`;
}
