import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../database/database.js';
import type { DocumentRef } from '../locks/lock.js';
import type { Pair } from './documents.repository.js';

const PART_BYTES = 1_048_576;
const THIS_DOCUMENT = 'account_id = $1 AND video_id = $2 AND kind = $3';

/**
 * What is acknowledged and not uploaded yet, in PostgreSQL, where every process finds it. On SQLite there is one
 * process, and its working copies are the truth: nothing is journalled.
 */
@Injectable()
export class JournalRepository {
  constructor(private readonly database: Database) {}

  /** Whether there is a journal. */
  get isKept(): boolean {
    return this.database.dialect === 'postgres';
  }

  /** Adds a document's whole content. @param packedFile the content, gzipped */
  async append(tx: Transaction, ref: DocumentRef, pair: Pair, packedFile: string): Promise<void> {
    let part = 0;
    const parts = createReadStream(packedFile, { highWaterMark: PART_BYTES });
    for await (const body of parts as AsyncIterable<Buffer>) {
      await tx.query(
        `INSERT INTO document_journal (account_id, video_id, kind, epoch, version, part, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7)`,
        [...valuesOf(ref, pair), part, body],
      );
      part += 1;
    }
  }

  /** The content of one version, gzipped; empty when the journal does not have it. */
  read(ref: DocumentRef, pair: Pair): Readable {
    return Readable.from(this.parts(ref, pair));
  }

  /** Forgets everything up to a version. */
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
