import { copyFile } from 'node:fs/promises';
import BetterSqlite from 'better-sqlite3';
import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { OpenCopies, type LiveCopier } from '../../src/documents/content/open-copies.js';
import { WorkingCopies, type LiveCopy } from '../../src/documents/content/working-copies.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import type { Version } from '../../src/documents/version.js';
import type { DocumentRef } from '../../src/locks/lock.js';
import type { TestApp } from '../support/app.js';
import { BatchWriter } from './batch-writer.js';

/**
 * Has the working copy of one layout open and writes batches to it, in the order of the live room: the journal with the row
 * first, then the copy. A batch is a background for the first scene; the copy's version stands in its `application_id`.
 */
export class LiveWriter implements LiveCopier, Disposable {
  private constructor(
    private readonly app: TestApp,
    private readonly batches: BatchWriter,
    private readonly copy: LiveCopy,
    private readonly database: BetterSqlite.Database,
    private current: Version,
  ) {}

  /** Opens the document's copy, catches up with its row, and registers itself. */
  static async open(app: TestApp, ref: DocumentRef): Promise<LiveWriter> {
    const document = (await app.nest.get(DocumentsRepository).find(ref))!;
    const copy = await app.nest.get(WorkingCopies).holdLive(ref, document);
    const { epoch, version, mark } = document;
    const openFile = () =>
      new LiveWriter(app, new BatchWriter(app, ref), copy, new BetterSqlite(copy.path), {
        epoch,
        version,
        mark,
      });
    let writer = openFile();
    await writer.catchUp().catch(async (error: unknown) => {
      writer.database.close();
      if (!(await copy.renew())) throw error;
      writer = openFile();
      await writer.catchUp();
    });
    app.nest.get(OpenCopies).register(writer);
    return writer;
  }

  private async catchUp(): Promise<void> {
    this.database.pragma('journal_mode = PERSIST');
    const { epoch, version } = this.current;
    const journal = this.app.nest.get(JournalRepository);
    for await (const batch of journal.batches(this.batches.ref, epoch, this.copied, version)) {
      this.commit(batch.version, Buffer.from(batch.body).toString());
    }
  }

  /** The version of the copy. */
  get copied(): number {
    return Math.max(1, this.database.pragma('application_id', { simple: true }) as number);
  }

  get sizeBytes(): number {
    return (
      (this.database.pragma('page_count', { simple: true }) as number) *
      (this.database.pragma('page_size', { simple: true }) as number)
    );
  }

  /** Makes the next version. @returns false when the document is at another version than the copy */
  async paint(background: string): Promise<boolean> {
    const { current } = this;
    if (!(await this.batches.add(current, Buffer.from(background), this.sizeBytes))) return false;
    this.current = { ...current, version: current.version + 1, mark: this.batches.mark };
    this.commit(this.current.version, background);
    return true;
  }

  async copyOf(_ref: DocumentRef, target: string): Promise<Version> {
    const { current } = this;
    await copyFile(this.copy.path, target);
    return current;
  }

  [Symbol.dispose](): void {
    this.database.close();
    this.copy.release();
  }

  private commit(version: number, background: string): void {
    this.database.transaction(() => {
      this.database.prepare(`UPDATE scenes SET background = ? WHERE id = 'scene-0'`).run(background);
      this.database.pragma(`application_id = ${version}`);
    })();
    this.copy.grew(this.sizeBytes);
  }
}
