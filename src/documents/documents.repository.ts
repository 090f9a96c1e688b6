import { Injectable } from '@nestjs/common';
import { Database, type Connection, type Transaction } from '../foundation/database/database.js';
import type { DocumentRef } from '../locks/lock.js';
import type { Claim } from './owner.js';
import type { Pair, Version } from './version.js';

/** A document's row; times are epoch ms. */
export interface StoredDocument extends Version {
  videoId: string;
  kind: string;
  /** Size of the content before compression. */
  sizeBytes: number;
  updatedAt: number;
  /** Time of the oldest change that is not uploaded; null: there is none. */
  pendingSince: number | null;
  uploadFailures: number;
  /** Epoch of the newest uploaded version; all stored… columns are null until there is one. */
  storedEpoch: number | null;
  storedVersion: number | null;
  storedMark: string | null;
  storedKey: string | null;
  storedSha256: string | null;
  storedSizeBytes: number | null;
  uploadedAt: number | null;
  ownerToken: number;
}

/** One uploaded version. */
export interface UploadedVersion extends Version {
  key: string;
  sizeBytes: number;
  sha256: string;
  uploadedAt: number;
}

/** New content for a document. */
interface NewContent extends Version {
  sizeBytes: number;
  updatedAt: number;
  pendingSince: number;
  uploadDueAt: number;
}

/** The columns of a StoredDocument for a query with `documents d`. */
const STORED_DOCUMENT = `d.video_id AS "videoId", d.kind AS "kind", d.epoch AS "epoch", d.version AS "version",
  d.mark AS "mark", d.size_bytes AS "sizeBytes", d.updated_at AS "updatedAt", d.pending_since AS "pendingSince",
  d.upload_failures AS "uploadFailures", d.stored_epoch AS "storedEpoch", d.stored_version AS "storedVersion",
  d.stored_mark AS "storedMark", d.stored_key AS "storedKey", d.stored_sha256 AS "storedSha256", d.stored_size_bytes AS "storedSizeBytes",
  d.uploaded_at AS "uploadedAt", d.owner_token AS "ownerToken"`;

const HASTEN_BATCH = 1_000;
const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';
/** A write does not take the document from an owner whose lease lasts, or uploads would never finish while people write. */
const IS_FREE = '(d.owner_id IS NULL OR d.owner_id = excluded.owner_id OR d.owner_expires_at <= $12)';

/** The documents of all accounts, without their content. */
@Injectable()
export class DocumentsRepository {
  constructor(private readonly database: Database) {}

  /** The document's row; null: it has no content. */
  async find(ref: DocumentRef): Promise<StoredDocument | null> {
    return this.read(this.database, ref, '');
  }

  /** Does the same as `find`, and locks the row until the transaction ends. */
  async lock(tx: Transaction, ref: DocumentRef): Promise<StoredDocument | null> {
    // SQLite has a single writer, so it needs no row lock.
    return this.read(tx, ref, tx.dialect === 'postgres' ? ' FOR UPDATE' : '');
  }

  /**
   * Makes all pending documents due now, except those whose last upload failed: their retry stays delayed. Skips rows that
   * another transaction has locked, as waiting for them would also keep the rows changed so far locked.
   * @param now epoch ms
   */
  async hasten(now: number): Promise<void> {
    const skipLocked = this.database.dialect === 'postgres' ? ' FOR UPDATE SKIP LOCKED' : '';
    // In batches, as each statement blocks all other writers of SQLite while it runs.
    for (let changed = HASTEN_BATCH; changed === HASTEN_BATCH;) {
      const rows = await this.database.write(
        `WITH waiting AS (
           SELECT account_id, video_id, kind FROM documents
           WHERE upload_due_at > $1 AND upload_failures = 0 LIMIT ${HASTEN_BATCH}${skipLocked})
         UPDATE documents AS d SET upload_due_at = $1 FROM waiting w
         WHERE d.account_id = w.account_id AND d.video_id = w.video_id AND d.kind = w.kind RETURNING epoch`,
        [now],
      );
      changed = rows.length;
    }
  }

  /** The number of the account's documents and their total size. */
  async usage(connection: Connection, accountId: string): Promise<{ count: number; sizeBytes: number }> {
    const [row] = await connection.query<{ count: number; sizeBytes: number }>(
      `SELECT count(*) AS "count", cast(coalesce(sum(size_bytes), 0) AS bigint) AS "sizeBytes"
       FROM documents WHERE account_id = $1`,
      [accountId],
    );
    return row!;
  }

  /** The document's versions in object storage, the newest first. */
  listVersions({ accountId, videoId, kind }: DocumentRef): Promise<UploadedVersion[]> {
    return this.database.query<UploadedVersion>(
      `SELECT object_key AS "key", epoch AS "epoch", version AS "version", mark AS "mark", size_bytes AS "sizeBytes",
         sha256 AS "sha256", uploaded_at AS "uploadedAt"
       FROM document_versions WHERE ${THIS_DOCUMENT} AND state = 'stored' ORDER BY epoch DESC, version DESC`,
      [accountId, videoId, kind],
    );
  }

  /** Stores a document's new content; creates the document if it does not exist. The caller must have locked an existing row. */
  async replaceContent(tx: Transaction, ref: DocumentRef, content: NewContent, claim: Claim): Promise<void> {
    await tx.query(
      `INSERT INTO documents AS d (account_id, video_id, kind, epoch, version, mark, size_bytes, updated_at, pending_since,
         upload_due_at, upload_failures, owner_id, owner_token, owner_expires_at)
       VALUES ($1, $2, $3, $4, $5, $13, $6, $7, $8, $9, 0, $10, 1, $11)
       ON CONFLICT (account_id, video_id, kind) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
         mark = excluded.mark, size_bytes = excluded.size_bytes, updated_at = excluded.updated_at, pending_since = excluded.pending_since,
         upload_due_at = excluded.upload_due_at,
         owner_id = CASE WHEN ${IS_FREE} THEN excluded.owner_id ELSE d.owner_id END,
         owner_token = d.owner_token + CASE WHEN ${IS_FREE} AND d.owner_id IS DISTINCT FROM excluded.owner_id THEN 1 ELSE 0 END,
         owner_expires_at = CASE WHEN ${IS_FREE} THEN excluded.owner_expires_at ELSE d.owner_expires_at END`,
      [
        ref.accountId,
        ref.videoId,
        ref.kind,
        content.epoch,
        content.version,
        content.sizeBytes,
        content.updatedAt,
        content.pendingSince,
        content.uploadDueAt,
        claim.ownerId,
        claim.expiresAt,
        claim.now,
        content.mark,
      ],
    );
  }

  /**
   * Makes a process the document's owner, or renews its lease.
   * @param isForced true: even while another owner's lease lasts
   * @returns the owner token, which grows with every change of owner; null: another process owns it
   */
  async claim(
    tx: Transaction,
    ref: DocumentRef,
    claim: Claim,
    { isForced }: { isForced: boolean },
  ): Promise<number | null> {
    const [row] = await tx.query<{ token: number }>(
      `UPDATE documents
       SET owner_token = owner_token + CASE WHEN owner_id IS NOT DISTINCT FROM $4 THEN 0 ELSE 1 END,
         owner_id = $4, owner_expires_at = $5
       WHERE ${THIS_DOCUMENT} AND (owner_id IS NULL OR owner_id = $4 OR owner_expires_at <= $6 OR $7)
       RETURNING owner_token AS "token"`,
      [ref.accountId, ref.videoId, ref.kind, claim.ownerId, claim.expiresAt, claim.now, isForced],
    );
    return row?.token ?? null;
  }

  private async read(
    connection: Connection,
    { accountId, videoId, kind }: DocumentRef,
    suffix: string,
  ): Promise<StoredDocument | null> {
    const [row] = await connection.query<StoredDocument>(
      `SELECT ${STORED_DOCUMENT} FROM documents d
       WHERE d.account_id = $1 AND d.video_id = $2 AND d.kind = $3${suffix}`,
      [accountId, videoId, kind],
    );
    return row ?? null;
  }
}

/** Whether object storage has this version or a newer one. */
export function isStored({ storedEpoch, storedVersion }: StoredDocument, { epoch, version }: Pair): boolean {
  if (storedEpoch === null || storedVersion === null) return false;
  return storedEpoch === epoch ? storedVersion >= version : storedEpoch > epoch;
}
