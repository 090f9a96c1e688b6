import { Injectable } from '@nestjs/common';
import { Database } from '../foundation/database/database.js';
import { Lookup } from '../foundation/database/lookup.js';
import type { DocumentRef, LockRow } from '../locks/lock.js';
import { STORED_LOCK, toLockRow, type StoredLock } from '../locks/locks.repository.js';
import type { StoredDocument } from './documents.repository.js';

/** The content's part of a document's state. */
export type ContentState = Pick<
  StoredDocument,
  | 'epoch'
  | 'version'
  | 'mark'
  | 'hasClocks'
  | 'sizeBytes'
  | 'updatedAt'
  | 'uploadFailures'
  | 'storedEpoch'
  | 'storedVersion'
  | 'storedMark'
  | 'uploadedAt'
>;

/** A document and its lock, read together. */
interface DocumentAndLock {
  /** Null: the document has no content. */
  content: ContentState | null;
  /** Null: the document was never locked. */
  lock: LockRow | null;
}

/** If the document or the lock does not exist, all its columns are null. */
type Row = { [K in keyof (ContentState & StoredLock)]: (ContentState & StoredLock)[K] | null };
type ListedRow = Row & Pick<StoredDocument, 'videoId' | 'kind'>;

const COLUMNS = `d.epoch AS "epoch", d.version AS "version", d.mark AS "mark", d.has_clocks AS "hasClocks", d.size_bytes AS "sizeBytes",
  d.updated_at AS "updatedAt", d.upload_failures AS "uploadFailures", d.stored_epoch AS "storedEpoch",
  d.stored_version AS "storedVersion", d.stored_mark AS "storedMark", d.uploaded_at AS "uploadedAt", ${STORED_LOCK}`;

/** Reads documents together with their locks, the state that clients ask for most often. */
@Injectable()
export class DocumentStatesRepository {
  private readonly states: Lookup<Row>;

  constructor(private readonly database: Database) {
    this.states = new Lookup(
      database,
      3,
      (account, video, kind) => `SELECT ${COLUMNS} FROM (SELECT 1 AS "one") o
        LEFT JOIN documents d ON d.account_id = ${account} AND d.video_id = ${video} AND d.kind = ${kind}
        LEFT JOIN document_locks l ON l.account_id = ${account} AND l.video_id = ${video} AND l.kind = ${kind}`,
    );
  }

  /** The state that is committed at the time of the call. */
  async find({ accountId, videoId, kind }: DocumentRef): Promise<DocumentAndLock> {
    return toDocumentAndLock((await this.states.find(accountId, videoId, kind))!);
  }

  /** An account's documents with content after `after`, in the order of video and kind. */
  async list(
    accountId: string,
    after: { videoId: string; kind: string },
    limit: number,
  ): Promise<(DocumentAndLock & { ref: DocumentRef })[]> {
    const rows = await this.database.query<ListedRow>(
      `SELECT d.video_id AS "videoId", d.kind AS "kind", ${COLUMNS}
       FROM documents d LEFT JOIN document_locks l
         ON l.account_id = d.account_id AND l.video_id = d.video_id AND l.kind = d.kind
       WHERE d.account_id = $1 AND (d.video_id, d.kind) > ($2, $3) ORDER BY d.video_id, d.kind LIMIT $4`,
      [accountId, after.videoId, after.kind, limit],
    );
    return rows.map(({ videoId, kind, ...row }) => ({
      ref: { accountId, videoId, kind },
      ...toDocumentAndLock(row),
    }));
  }
}

function toDocumentAndLock(row: Row): DocumentAndLock {
  return {
    content: row.epoch === null ? null : (row as ContentState),
    lock: row.fencingToken === null ? null : toLockRow(row as StoredLock),
  };
}
