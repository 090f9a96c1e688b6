import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../foundation/database/database.js';
import type { UploadDelays } from '../documents/upload-delays.js';
import type { Version } from '../documents/version.js';
import type { DocumentRef } from '../locks/lock.js';

/** An object about to be written. Its row is inserted first, so that object storage never holds an unknown object. */
export interface BegunUpload extends Version {
  ref: DocumentRef;
  key: string;
  /** The uploading process's owner token; it is out of date once another process owns the document. */
  ownerToken: number;
}

/** An object that object storage has confirmed. */
interface FinishedUpload extends BegunUpload {
  sizeBytes: number;
  sha256: string;
  /** Epoch ms. */
  uploadedAt: number;
  /** When the content was read, epoch ms; later changes are not in the object. */
  readAt: number;
}

/** The documents of all accounts with changes that are not uploaded. */
interface Backlog {
  pending: number;
  /** Time of the oldest change that is not uploaded, epoch ms; null: there is none. */
  oldestPendingSince: number | null;
  /** How many of the pending documents failed at their last scheduled upload. */
  failing: number;
}

/** An object that no document needs any more. */
interface Leftover {
  ref: DocumentRef;
  key: string;
}

const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';
const IS_UPLOADED = 'epoch = $4 AND version = $5 AND mark IS NOT DISTINCT FROM $14';
const KEPT_VERSIONS = 10;
/** An upload renews its row every few seconds; after this time without renewal the sweep takes it for dead. */
const LEFTOVER_AGE_MS = 3_600_000;
const RELEASE = `UPDATE documents SET owner_id = NULL, owner_expires_at = NULL
  WHERE upload_due_at IS NOT NULL AND owner_id IS NOT NULL`;

/** Due, running and finished uploads of all accounts, and leftovers to sweep. `tables.ts` lists a version's states. */
@Injectable()
export class UploadsRepository {
  constructor(private readonly database: Database) {}

  /** Documents due at `dueBy` that `ownerId` may claim at `now`, the longest overdue first. */
  listDue(dueBy: number, ownerId: string, now: number, limit: number): Promise<DocumentRef[]> {
    return this.database.query<DocumentRef>(
      `SELECT account_id AS "accountId", video_id AS "videoId", kind AS "kind" FROM documents
       WHERE upload_due_at <= $1 AND (owner_id IS NULL OR owner_id = $2 OR owner_expires_at <= $3)
       ORDER BY upload_due_at LIMIT $4`,
      [dueBy, ownerId, now, limit],
    );
  }

  /** Counts pending documents; reads only the index of due uploads, never all documents. */
  async backlog(): Promise<Backlog> {
    const [row] = await this.database.query<Backlog>(
      `SELECT count(*) AS "pending", min(pending_since) AS "oldestPendingSince",
         count(CASE WHEN upload_failures > 0 THEN 1 END) AS "failing"
       FROM documents WHERE upload_due_at IS NOT NULL`,
    );
    return row!;
  }

  /** Inserts the row of an object about to be written. */
  async begin(
    tx: Transaction,
    { ref, key, epoch, version, mark }: Omit<BegunUpload, 'ownerToken'>,
    now: number,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO document_versions (account_id, video_id, kind, object_key, epoch, version, mark, state, renewed_at,
         sweep_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'uploading', $8, $9)`,
      [...valuesOf(ref), key, epoch, version, mark, now, now + LEFTOVER_AGE_MS],
    );
  }

  /** Gives an upload another version and key, before its object is written. @returns false when it was abandoned */
  async relabel({ ref, key }: Leftover, to: Version & { key: string }): Promise<boolean> {
    const rows = await this.database.write(
      `UPDATE document_versions SET object_key = $5, epoch = $6, version = $7, mark = $8
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND state = 'uploading' RETURNING epoch`,
      [...valuesOf(ref), key, to.key, to.epoch, to.version, to.mark],
    );
    return rows.length === 1;
  }

  /** Keeps a running upload's object from being swept. */
  async renew(tx: Transaction, { ref, key }: BegunUpload, now: number): Promise<void> {
    await tx.query(
      `UPDATE document_versions SET renewed_at = $5, sweep_at = $6
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND state = 'uploading'`,
      [...valuesOf(ref), key, now, now + LEFTOVER_AGE_MS],
    );
  }

  /**
   * Makes the object the document's newest version, if the document still has the same owner and the version is newer than
   * the stored one. Changes made since the content was read stay pending and due.
   * @returns false if it cannot, or if the upload was abandoned: then the transaction must be rolled back
   */
  async finish(tx: Transaction, upload: FinishedUpload, dueAfter: UploadDelays): Promise<boolean> {
    const { ref, key, epoch, version, mark, sizeBytes, sha256, uploadedAt, readAt, ownerToken } = upload;
    // Lock the document's row first, as everywhere else; otherwise this and a renewal could deadlock.
    const current = await tx.query(
      `UPDATE documents SET stored_epoch = $4, stored_version = $5, stored_mark = $14, stored_key = $6, stored_sha256 = $7,
         stored_size_bytes = $8, uploaded_at = $9, upload_failures = 0,
         pending_since = CASE WHEN ${IS_UPLOADED} THEN NULL ELSE cast($10 AS bigint) END,
         upload_due_at = CASE WHEN ${IS_UPLOADED} THEN NULL
           WHEN updated_at + $11 < $12 THEN updated_at + $11 ELSE cast($12 AS bigint) END
       WHERE ${THIS_DOCUMENT} AND owner_token = $13
         AND (stored_epoch IS NULL OR (stored_epoch, stored_version) < ($4, $5)) RETURNING epoch`,
      [
        ...valuesOf(ref),
        epoch,
        version,
        key,
        sha256,
        sizeBytes,
        uploadedAt,
        readAt,
        dueAfter.idleMs,
        readAt + dueAfter.checkpointMs,
        ownerToken,
        mark,
      ],
    );
    const isKnown = await this.list(tx, upload);
    return isKnown && current.length === 1;
  }

  /**
   * Makes a stored object the document's content, with nothing left to upload.
   * @param seen the document as it was read
   * @returns false when it has changed since, or the upload was abandoned: then the transaction must be rolled back
   */
  async restore(
    tx: Transaction,
    seen: Version,
    upload: Omit<FinishedUpload, 'ownerToken' | 'readAt'>,
    { contentBytes, hasClocks }: { contentBytes: number; hasClocks: 0 | 1 },
  ): Promise<boolean> {
    const { ref, key, epoch, version, mark, sizeBytes, sha256, uploadedAt } = upload;
    const rows = await tx.query(
      `UPDATE documents SET epoch = $4, version = $5, mark = $13, content_mark = $13, has_clocks = $15, size_bytes = $6, updated_at = $7, pending_since = NULL,
         upload_due_at = NULL, upload_failures = 0, stored_epoch = $4, stored_version = $5, stored_mark = $13, stored_key = $8,
         stored_sha256 = $9, stored_size_bytes = $10, uploaded_at = $7, owner_id = NULL, owner_expires_at = NULL,
         owner_token = owner_token + 1
       WHERE ${THIS_DOCUMENT} AND epoch = $11 AND version = $12 AND mark IS NOT DISTINCT FROM $14 RETURNING epoch`,
      [
        ...valuesOf(ref),
        epoch,
        version,
        contentBytes,
        uploadedAt,
        key,
        sha256,
        sizeBytes,
        seen.epoch,
        seen.version,
        mark,
        seen.mark,
        hasClocks,
      ],
    );
    const isKnown = await this.list(tx, upload);
    return isKnown && rows.length === 1;
  }

  /** Marks an object as stored. @returns false when its upload was abandoned meanwhile */
  private async list(
    tx: Transaction,
    { ref, key, sizeBytes, sha256, uploadedAt }: Omit<FinishedUpload, 'ownerToken' | 'readAt'>,
  ): Promise<boolean> {
    const rows = await tx.query(
      `UPDATE document_versions SET state = 'stored', sweep_at = NULL, size_bytes = $5, sha256 = $6, uploaded_at = $7
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND state = 'uploading' RETURNING epoch`,
      [...valuesOf(ref), key, sizeBytes, sha256, uploadedAt],
    );
    return rows.length === 1;
  }

  /** Retires all versions but the newest ten and the current one. @param sweepAt when they may be removed, epoch ms */
  async retire(tx: Transaction, ref: DocumentRef, sweepAt: number): Promise<void> {
    await tx.query(
      `UPDATE document_versions SET state = 'retired', sweep_at = $4
       WHERE ${THIS_DOCUMENT} AND state = 'stored' AND (epoch, version) < (
         SELECT epoch, version FROM document_versions WHERE ${THIS_DOCUMENT} AND state = 'stored'
         ORDER BY epoch DESC, version DESC LIMIT 1 OFFSET ${KEPT_VERSIONS - 1})
       AND object_key NOT IN (SELECT stored_key FROM documents WHERE ${THIS_DOCUMENT} AND stored_key IS NOT NULL)`,
      [...valuesOf(ref), sweepAt],
    );
  }

  /** Marks a due document as having nothing to upload. */
  async closeUploads(tx: Transaction, ref: DocumentRef): Promise<void> {
    await tx.query(
      `UPDATE documents SET upload_due_at = NULL, pending_since = NULL, upload_failures = 0 WHERE ${THIS_DOCUMENT}`,
      valuesOf(ref),
    );
  }

  /** Counts a failure and delays the next attempt until `retryAt`, epoch ms, unless another process owns the document. */
  async fail(tx: Transaction, { ref, ownerToken }: BegunUpload, retryAt: number): Promise<void> {
    await tx.query(
      `UPDATE documents SET upload_failures = upload_failures + 1, upload_due_at = $5
       WHERE ${THIS_DOCUMENT} AND owner_token = $4 AND upload_due_at IS NOT NULL`,
      [...valuesOf(ref), ownerToken, retryAt],
    );
  }

  /** Objects that may be swept at `now`, epoch ms, the longest overdue first. */
  async listLeftovers(now: number, limit: number): Promise<Leftover[]> {
    const rows = await this.database.query<DocumentRef & { key: string }>(
      `SELECT account_id AS "accountId", video_id AS "videoId", kind AS "kind", object_key AS "key"
       FROM document_versions WHERE sweep_at <= $1 ORDER BY sweep_at LIMIT $2`,
      [now, limit],
    );
    return rows.map(({ key, ...ref }) => ({ ref, key }));
  }

  /** Abandons an upload; the sweep later removes its object, if there is one. @param now epoch ms */
  async abandon({ ref, key }: Leftover, now: number): Promise<void> {
    await this.database.write(
      `UPDATE document_versions SET state = 'abandoned', sweep_at = $5
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND state = 'uploading'`,
      [...valuesOf(ref), key, now + LEFTOVER_AGE_MS],
    );
  }

  /**
   * Claims an object for removal, so that its upload can no longer make it a version.
   * @param now epoch ms
   * @param retryAt when to try again if the removal fails, epoch ms
   * @returns false when its upload was renewed or ended since the object was listed
   */
  async claimLeftover({ ref, key }: Leftover, now: number, retryAt: number): Promise<boolean> {
    const rows = await this.database.write(
      `UPDATE document_versions SET state = CASE state WHEN 'uploading' THEN 'abandoned' ELSE state END, sweep_at = $6
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND sweep_at <= $5 RETURNING epoch`,
      [...valuesOf(ref), key, now, retryAt],
    );
    return rows.length === 1;
  }

  /** Whether any process renewed an upload of the document after `since`, epoch ms. */
  async isUnderWay(tx: Transaction, ref: DocumentRef, since: number): Promise<boolean> {
    const rows = await tx.query(
      `SELECT 1 AS "one" FROM document_versions
       WHERE ${THIS_DOCUMENT} AND state = 'uploading' AND renewed_at > $4 LIMIT 1`,
      [...valuesOf(ref), since],
    );
    return rows.length > 0;
  }

  /** Deletes the row of a removed object. */
  async forget(tx: Transaction, { ref, key }: Leftover): Promise<void> {
    await tx.query(
      `DELETE FROM document_versions
       WHERE ${THIS_DOCUMENT} AND object_key = $4 AND state IN ('retired', 'abandoned')`,
      [...valuesOf(ref), key],
    );
  }

  /** Releases the owner's pending documents, so that other processes can claim them at once. */
  async releaseOwner(tx: Transaction, ownerId: string): Promise<void> {
    await tx.query(`${RELEASE} AND owner_id = $1`, [ownerId]);
  }

  /** Releases the pending documents of all owners, for a single process that starts after another was killed. */
  async releaseAll(tx: Transaction): Promise<void> {
    await tx.query(RELEASE);
  }
}

function valuesOf({ accountId, videoId, kind }: DocumentRef): string[] {
  return [accountId, videoId, kind];
}
