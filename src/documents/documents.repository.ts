import { Injectable } from '@nestjs/common';
import { Database, type Connection, type Transaction } from '../foundation/database/database.js';
import type { DocumentRef } from '../locks/lock.js';
import type { Claim } from './owner.js';
import type { UploadDelays } from './upload-delays.js';
import type { Content, Pair, Version } from './version.js';

/** A document's row; times are epoch ms. */
export interface StoredDocument extends Version {
  videoId: string;
  kind: string;
  /** The mark of the epoch's first version, by which its working copy is named; null: it has none. */
  contentMark: string | null;
  /** 1: the content has the tables by which changes merge; 0: it is from before contents had them. */
  hasClocks: 0 | 1;
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

/** New content for a document, the first version of an epoch. */
interface NewContent extends Version {
  hasClocks: 0 | 1;
  sizeBytes: number;
}

/** The next version of a document within its epoch. */
export interface NextVersion {
  /** Greater than the version before by one, or by more for versions that the row has lost. */
  version: number;
  /** Another than that of the version before: it is that of all versions from here on. */
  mark: string;
  /** Size of the working copy. */
  sizeBytes: number;
}

/** The columns of a StoredDocument for a query with `documents d`. */
const STORED_DOCUMENT = `d.video_id AS "videoId", d.kind AS "kind", d.epoch AS "epoch", d.version AS "version",
  d.mark AS "mark", d.content_mark AS "contentMark", d.has_clocks AS "hasClocks", d.size_bytes AS "sizeBytes",
  d.updated_at AS "updatedAt", d.pending_since AS "pendingSince", d.upload_failures AS "uploadFailures",
  d.stored_epoch AS "storedEpoch", d.stored_version AS "storedVersion", d.stored_mark AS "storedMark",
  d.stored_key AS "storedKey", d.stored_sha256 AS "storedSha256", d.stored_size_bytes AS "storedSizeBytes",
  d.uploaded_at AS "uploadedAt", d.owner_token AS "ownerToken"`;

const HASTEN_BATCH = 1_000;
const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';
/** A write does not take the document from an owner whose lease lasts, or uploads would never finish while people write. */
const claimIfFree = (ownerId: string, expiresAt: string, now: string): string => {
  const isFree = `(d.owner_id IS NULL OR d.owner_id = ${ownerId} OR d.owner_expires_at <= ${now})`;
  return `owner_id = CASE WHEN ${isFree} THEN ${ownerId} ELSE d.owner_id END,
    owner_token = d.owner_token + CASE WHEN ${isFree} AND d.owner_id IS DISTINCT FROM ${ownerId} THEN 1 ELSE 0 END,
    owner_expires_at = CASE WHEN ${isFree} THEN ${expiresAt} ELSE d.owner_expires_at END`;
};

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
  listVersions(ref: DocumentRef): Promise<UploadedVersion[]> {
    return this.database.query<UploadedVersion>(
      `SELECT object_key AS "key", epoch AS "epoch", version AS "version", mark AS "mark", size_bytes AS "sizeBytes",
         sha256 AS "sha256", uploaded_at AS "uploadedAt"
       FROM document_versions WHERE ${THIS_DOCUMENT} AND state = 'stored' ORDER BY epoch DESC, version DESC`,
      valuesOf(ref),
    );
  }

  /**
   * Stores a document's new content, the first version of an epoch; creates the document if it does not exist. The caller
   * must have locked an existing row.
   * @param pendingSince time of the oldest change that is not uploaded, epoch ms
   */
  async replaceContent(
    tx: Transaction,
    ref: DocumentRef,
    content: NewContent,
    pendingSince: number,
    claim: Claim,
    { idleMs, checkpointMs }: UploadDelays,
  ): Promise<void> {
    const { epoch, version, mark, hasClocks, sizeBytes } = content;
    await tx.query(
      `INSERT INTO documents AS d (account_id, video_id, kind, epoch, version, mark, content_mark, has_clocks, size_bytes,
         updated_at, pending_since, upload_due_at, upload_failures, owner_id, owner_token, owner_expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10, $11, 0, $12, 1, $13)
       ON CONFLICT (account_id, video_id, kind) DO UPDATE SET epoch = excluded.epoch, version = excluded.version,
         mark = excluded.mark, content_mark = excluded.content_mark, has_clocks = excluded.has_clocks,
         size_bytes = excluded.size_bytes, updated_at = excluded.updated_at, pending_since = excluded.pending_since,
         upload_due_at = excluded.upload_due_at,
         ${claimIfFree('excluded.owner_id', 'excluded.owner_expires_at', 'excluded.updated_at')}`,
      [
        ...valuesOf(ref),
        epoch,
        version,
        mark,
        hasClocks,
        sizeBytes,
        claim.now,
        pendingSince,
        Math.min(claim.now + idleMs, pendingSince + checkpointMs),
        claim.ownerId,
        claim.expiresAt,
      ],
    );
    await this.beginMarks(tx, ref, content);
  }

  /** Makes a version's mark the first one of its epoch, and removes those of other epochs. */
  async beginMarks(tx: Transaction, ref: DocumentRef, version: Version): Promise<void> {
    await tx.query(`DELETE FROM document_marks WHERE ${THIS_DOCUMENT}`, valuesOf(ref));
    await this.addMark(tx, ref, version);
  }

  /**
   * Compares and sets a document's row: makes `next` its version if it is still at `from`. Uploads become due; one that
   * failed stays delayed.
   * @returns false when the row is at another version, or there is none; then nothing has changed
   */
  async advance(
    tx: Transaction,
    ref: DocumentRef,
    from: Version,
    { version, mark, sizeBytes }: NextVersion,
    claim: Claim,
    { idleMs, checkpointMs }: UploadDelays,
  ): Promise<boolean> {
    const dueAt = claim.now + Math.min(idleMs, checkpointMs);
    const rows = await tx.query(
      `UPDATE documents AS d SET version = $4, mark = $5, size_bytes = $6, updated_at = $7,
         pending_since = coalesce(d.pending_since, $7),
         upload_due_at = CASE WHEN d.upload_failures > 0 AND d.upload_due_at IS NOT NULL THEN d.upload_due_at
           WHEN d.pending_since + $8 < $9 THEN d.pending_since + $8 ELSE cast($9 AS bigint) END,
         ${claimIfFree('$10', '$11', '$7')}
       WHERE ${THIS_DOCUMENT} AND d.epoch = $12 AND d.version = $13 AND d.mark IS NOT DISTINCT FROM $14 RETURNING epoch`,
      [
        ...valuesOf(ref),
        version,
        mark,
        sizeBytes,
        claim.now,
        checkpointMs,
        dueAt,
        claim.ownerId,
        claim.expiresAt,
        from.epoch,
        from.version,
        from.mark,
      ],
    );
    if (rows.length === 0) return false;
    if (mark !== from.mark) await this.addMark(tx, ref, { epoch: from.epoch, version, mark });
    return true;
  }

  /** The mark that a version of the document was given out with; null: not known, as of versions of earlier epochs. */
  async findMark(ref: DocumentRef, { epoch, version }: Pair): Promise<string | null> {
    const [row] = await this.database.query<{ mark: string }>(
      `SELECT mark AS "mark" FROM document_marks WHERE ${THIS_DOCUMENT} AND epoch = $4 AND from_version <= $5
       ORDER BY from_version DESC LIMIT 1`,
      [...valuesOf(ref), epoch, version],
    );
    return row?.mark ?? null;
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
      [...valuesOf(ref), claim.ownerId, claim.expiresAt, claim.now, isForced],
    );
    return row?.token ?? null;
  }

  private async addMark(tx: Transaction, ref: DocumentRef, { epoch, version, mark }: Version): Promise<void> {
    await tx.query(
      `INSERT INTO document_marks (account_id, video_id, kind, epoch, from_version, mark)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [...valuesOf(ref), epoch, version, mark],
    );
  }

  private async read(
    connection: Connection,
    ref: DocumentRef,
    suffix: string,
  ): Promise<StoredDocument | null> {
    const [row] = await connection.query<StoredDocument>(
      `SELECT ${STORED_DOCUMENT} FROM documents d
       WHERE ${THIS_DOCUMENT}${suffix}`,
      valuesOf(ref),
    );
    return row ?? null;
  }
}

/** The content that the document's epoch began with. */
export function contentOf({ epoch, contentMark: mark }: StoredDocument): Content {
  return { epoch, mark };
}

/** Whether object storage has this version or a newer one. */
export function isStored({ storedEpoch, storedVersion }: StoredDocument, { epoch, version }: Pair): boolean {
  if (storedEpoch === null || storedVersion === null) return false;
  return storedEpoch === epoch ? storedVersion >= version : storedEpoch > epoch;
}

function valuesOf({ accountId, videoId, kind }: DocumentRef): string[] {
  return [accountId, videoId, kind];
}
