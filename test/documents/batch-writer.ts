import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { DocumentOwner } from '../../src/documents/owner.js';
import { newMark, type Version } from '../../src/documents/version.js';
import { Database } from '../../src/foundation/database/database.js';
import type { DocumentRef } from '../../src/locks/lock.js';
import type { TestApp } from '../support/app.js';

const DELAYS = { idleMs: 300_000, checkpointMs: 900_000 };

/** Writes batches as the live room does: one transaction each. */
export class BatchWriter {
  private readonly documents: DocumentsRepository;
  private readonly journal: JournalRepository;

  constructor(
    private readonly app: TestApp,
    readonly ref: DocumentRef,
    readonly mark = newMark(),
  ) {
    this.documents = app.nest.get(DocumentsRepository);
    this.journal = app.nest.get(JournalRepository);
  }

  /** @returns false when the document is not at `from` */
  add(from: Version, body: Uint8Array, sizeBytes = 20_000): Promise<boolean> {
    const version = from.version + 1;
    const claim = this.app.nest.get(DocumentOwner).claim();
    return this.app.nest.get(Database).transaction(async (tx) => {
      const next = { version, mark: this.mark, sizeBytes };
      if (!(await this.documents.advance(tx, this.ref, from, next, claim, DELAYS))) return false;
      await this.journal.addBatch(tx, this.ref, { epoch: from.epoch, version }, body);
      return true;
    });
  }

  async batches(epoch: number, after: number, upTo: number): Promise<string[]> {
    const found: string[] = [];
    for await (const { version, body } of this.journal.batches(this.ref, epoch, after, upTo)) {
      found.push(`${version} ${Buffer.from(body).toString()}`);
    }
    return found;
  }
}
