import { randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../../foundation/database/database.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { DocumentRef } from '../../locks/lock.js';
import type { Pair } from '../documents.repository.js';

const PART_BYTES = 1_048_576;
const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';
const DRAFTS_PER_MS = 1_000;

/** Content in the journal that is not a version of its document yet. */
export interface Draft {
  /** The epoch after the version that it will replace. */
  epoch: number;
  /** In the column `version`: negative, and the lower the later the draft was begun. */
  number: number;
  parts: number;
}

/**
 * The journal in PostgreSQL: content that is acknowledged and not uploaded yet, so that every process can read it. On SQLite
 * there is no journal, as a single process has all content in its working copies.
 */
@Injectable()
export class JournalRepository {
  constructor(private readonly database: Database) {}

  /** Whether there is a journal. */
  get isKept(): boolean {
    return this.database.dialect === 'postgres';
  }

  /**
   * Adds a document's whole content as a draft, each part in a transaction of its own: a single long one would hold up others.
   * @param replaced the version that it will replace
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

  /** Makes a draft the content of a version. @throws AppError OVERLOADED when `removeDrafts` has removed it */
  async commitDraft(tx: Transaction, ref: DocumentRef, draft: Draft, next: Pair): Promise<void> {
    const rows = await tx.query(
      `UPDATE document_journal SET epoch = $6, version = $7
       WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version = $5 RETURNING part`,
      [...valuesOf(ref, { epoch: draft.epoch, version: draft.number }), next.epoch, next.version],
    );
    if (rows.length === draft.parts) return;
    // `removeDrafts` of another process took this one for dead, as it was suspended for a long time.
    throw new AppError('OVERLOADED', { detail: 'Storing the content took too long.', retry_after: 1 });
  }

  /** Removes a draft that does not become a version; if that fails, `removeDrafts` does it later. */
  async removeDraft(ref: DocumentRef, { epoch, number }: Draft): Promise<void> {
    const remove = `DELETE FROM document_journal WHERE ${THIS_DOCUMENT} AND epoch = $4 AND version = $5`;
    await this.database.write(remove, valuesOf(ref, { epoch, version: number })).catch(() => undefined);
  }

  /** Removes the drafts of processes that have died. @param before drafts begun earlier than this, epoch ms */
  async removeDrafts(before: number): Promise<void> {
    if (!this.isKept) return;
    await this.database.write('DELETE FROM document_journal WHERE version < 0 AND version > $1', [
      -before * DRAFTS_PER_MS,
    ]);
  }

  /** The content of one version, gzipped; empty if the journal does not have it. */
  read(ref: DocumentRef, pair: Pair): Readable {
    return Readable.from(this.parts(ref, pair));
  }

  /** Removes the content up to and including a version. */
  async drop(tx: Transaction, ref: DocumentRef, upTo: Pair): Promise<void> {
    if (!this.isKept) return;
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

function valuesOf({ accountId, videoId, kind }: DocumentRef, { epoch, version }: Pair) {
  return [accountId, videoId, kind, epoch, version];
}
