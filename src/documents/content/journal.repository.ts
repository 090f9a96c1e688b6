import { randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import type { Pair } from '../version.js';

const PART_BYTES = 1_048_576;
const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';
const DRAFTS_PER_MS = 1_000;
/** A body has up to a mebibyte. */
const BATCHES_AT_ONCE = 8;

/** Content in the journal that is not yet a version of its document. */
export interface Draft {
  /** The replaced version's epoch plus 1. */
  epoch: number;
  /** Stands in the column `version`: negative, and lower for drafts begun later. */
  number: number;
  parts: number;
}

/** A batch of changes, which makes one version of the next. */
export interface JournalledBatch {
  /** The version that it makes. */
  version: number;
  body: Uint8Array;
}

/**
 * The journal: acknowledged content that is not uploaded yet. A batch is written here, with its document's row, before it is
 * committed to a working copy, so that every copy can catch up. On PostgreSQL whole contents are here too, readable by every
 * process; on SQLite the only process has them as working copies.
 */
@Injectable()
export class JournalRepository {
  constructor(private readonly database: Database) {}

  /** Whether a working copy can be made anew from here and from object storage. */
  get hasContents(): boolean {
    return this.database.dialect === 'postgres';
  }

  /**
   * Adds a document's whole content as a draft, each part in its own transaction: one long transaction would delay others.
   * @param replaced the version that the draft will replace
   * @param packedFile the content, gzipped
   * @param now epoch ms
   */
  async addDraft(ref: DocumentRef, replaced: Pair, packedFile: string, now: number): Promise<Draft> {
    const epoch = replaced.epoch + 1;
    const draft = { epoch, number: -(now * DRAFTS_PER_MS + randomInt(DRAFTS_PER_MS)), parts: 0 };
    const parts = createReadStream(packedFile, { highWaterMark: PART_BYTES });
    try {
      for await (const body of parts as AsyncIterable<Buffer>) {
        await this.database.write(
          `INSERT INTO document_journal (account_id, video_id, kind, epoch, version, part, body)
           VALUES ($1, $2, $3, $4, $5, $6, $7)`,
          [...valuesOf(ref, { epoch, version: draft.number }), draft.parts, body],
        );
        draft.parts += 1;
      }
      return draft;
    } catch (error) {
      await this.removeDraft(ref, draft);
      throw error;
    }
  }

  /** Makes a draft the content of a version. @throws AppError OVERLOADED when `removeDrafts` has removed the draft */
  async commitDraft(tx: Transaction, ref: DocumentRef, draft: Draft, next: Pair): Promise<void> {
    const rows = await tx.query(
      `UPDATE document_journal SET epoch = $6, version = $7
       WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version = $5 RETURNING part`,
      [...valuesOf(ref, { epoch: draft.epoch, version: draft.number }), next.epoch, next.version],
    );
    if (rows.length === draft.parts) return;
    // This process was suspended for so long that another process took it for dead and removed the draft.
    throw new AppError('OVERLOADED', { detail: 'Storing the content took too long.', retry_after: 1 });
  }

  /** Removes a draft that will not become a version; if this fails, `removeDrafts` removes it later. */
  async removeDraft(ref: DocumentRef, { epoch, number }: Draft): Promise<void> {
    const remove = `DELETE FROM document_journal WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version = $5`;
    await this.database.write(remove, valuesOf(ref, { epoch, version: number })).catch(() => undefined);
  }

  /**
   * Adds the batch that makes a version, in the transaction that advances the document's row.
   * @param made the version; on SQLite the working copy must durably be at the version before, whose batch is removed here
   */
  async addBatch(tx: Transaction, ref: DocumentRef, made: Pair, body: Uint8Array): Promise<void> {
    if (tx.dialect === 'sqlite') await this.drop(tx, ref, made);
    await tx.query(
      `INSERT INTO document_journal (account_id, video_id, kind, epoch, version, part, body)
       VALUES ($1, $2, $3, $4, $5, 0, $6)`,
      [...valuesOf(ref, made), body],
    );
  }

  /**
   * The batches that make the versions above `after` up to `upTo`, in order and without a hole.
   * @throws AppError INTERNAL at a version that is missing, as when it was uploaded and dropped
   */
  async *batches(
    ref: DocumentRef,
    epoch: number,
    after: number,
    upTo: number,
  ): AsyncGenerator<JournalledBatch> {
    for (let made = after; made < upTo;) {
      const rows = await this.database.query<JournalledBatch>(
        `SELECT version AS "version", body AS "body" FROM document_journal
         WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version > $5 AND version <= $6 ORDER BY version LIMIT ${BATCHES_AT_ONCE}`,
        [...valuesOf(ref, { epoch, version: made }), upTo],
      );
      for (const batch of rows) {
        if (batch.version !== made + 1) throw hole(ref, epoch, made + 1);
        made = batch.version;
        yield batch;
      }
      if (rows.length === 0) throw hole(ref, epoch, made + 1);
    }
  }

  /** Removes drafts of dead processes. @param before removes drafts begun earlier, epoch ms */
  async removeDrafts(before: number): Promise<void> {
    if (!this.hasContents) return;
    await this.database.write('DELETE FROM document_journal WHERE version < 0 AND version > $1', [
      -before * DRAFTS_PER_MS,
    ]);
  }

  /** The content of the first version of an epoch, gzipped; empty if the journal does not have it. */
  read(ref: DocumentRef, pair: Pair): Readable {
    return Readable.from(this.parts(ref, pair));
  }

  /** Removes a document's content and batches up to and including a version. */
  async drop(tx: Transaction, ref: DocumentRef, upTo: Pair): Promise<void> {
    await tx.query(
      `DELETE FROM document_journal WHERE ${THIS_DOCUMENT} AND (epoch, version) <= ($4, $5)`,
      valuesOf(ref, upTo),
    );
  }

  private async *parts(ref: DocumentRef, pair: Pair): AsyncGenerator<Buffer> {
    for (let part = 0; ; part += 1) {
      const [row] = await this.database.query<{ body: Buffer }>(
        `SELECT body FROM document_journal WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version = $5 AND part = $6`,
        [...valuesOf(ref, pair), part],
      );
      if (!row) return;
      yield row.body;
    }
  }
}

function hole({ videoId, kind }: DocumentRef, epoch: number, version: number): AppError {
  const detail = `The journal does not have the changes of ${videoId}/${kind} that make ${epoch}-${version}.`;
  return new AppError('INTERNAL', { detail });
}

function valuesOf({ accountId, videoId, kind }: DocumentRef, { epoch, version }: Pair) {
  return [accountId, videoId, kind, epoch, version];
}
