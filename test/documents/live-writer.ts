import { copyFile } from 'node:fs/promises';
import BetterSqlite from 'better-sqlite3';
import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { OpenCopies } from '../../src/documents/content/open-copies.js';
import { WorkingCopies, type LiveCopy } from '../../src/documents/content/working-copies.js';
import { mergingVersion } from '../../src/documents/import/merging-version.js';
import { contentOf, DocumentsRepository } from '../../src/documents/documents.repository.js';
import type { Version } from '../../src/documents/version.js';
import { keyOf, type DocumentRef } from '../../src/locks/lock.js';
import type { TestApp } from '../support/app.js';
import { ignoreChanges } from '../support/documents.js';
import { BatchWriter } from './batch-writer.js';

const writers = new WeakMap<TestApp, Map<string, LiveWriter>>();

/** Makes the app copy documents that have live changes by their writers, and by new ones where there is none. */
export function openOnDemand(app: TestApp): Map<string, LiveWriter> {
  const known = writers.get(app);
  if (known) return known;
  const open = new Map<string, LiveWriter>();
  writers.set(app, open);
  app.nest.get(OpenCopies).register({
    copyOf: async (ref, target) => {
      const writer = open.get(keyOf(ref));
      if (writer) return writer.copyTo(target);
      using opened = await LiveWriter.open(app, ref);
      return await opened.copyTo(target);
    },
  });
  return open;
}

/**
 * Has the working copy of one layout open and writes batches to it, in the order of the live room: the journal with the row
 * first, then the copy. A batch is a background for the first scene; the copy's version stands where the engine looks for it.
 */
export class LiveWriter implements Disposable {
  private constructor(
    private readonly app: TestApp,
    private readonly batches: BatchWriter,
    private readonly copy: LiveCopy,
    private readonly database: BetterSqlite.Database,
    private current: Version,
  ) {}

  /** Opens the document's copy, and catches up with its row. */
  static async open(app: TestApp, ref: DocumentRef): Promise<LiveWriter> {
    const document = (await app.nest.get(DocumentsRepository).find(ref))!;
    const copies = app.nest.get(WorkingCopies);
    let copy = await copies.holdLive(ref, document);
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
      copy.release();
      if (!app.nest.get(JournalRepository).hasContents) throw error;
      await copies.discard(ref, contentOf(document));
      copy = await copies.holdLive(ref, document);
      writer = openFile();
      await writer.catchUp();
    });
    openOnDemand(app).set(keyOf(ref), writer);
    return writer;
  }

  private async catchUp(): Promise<void> {
    this.database.pragma('journal_mode = PERSIST');
    ignoreChanges(this.database);
    const { epoch, version } = this.current;
    const journal = this.app.nest.get(JournalRepository);
    for await (const batch of journal.batches(this.batches.ref, epoch, this.copied, version)) {
      this.commit(batch.version, Buffer.from(batch.body).toString());
    }
  }

  /** The version of the copy. */
  get copied(): number {
    return mergingVersion(this.database)!;
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

  async copyTo(target: string): Promise<Version> {
    const { current } = this;
    await copyFile(this.copy.path, target);
    return current;
  }

  [Symbol.dispose](): void {
    openOnDemand(this.app).delete(keyOf(this.batches.ref));
    this.database.close();
    this.copy.release();
  }

  private commit(version: number, background: string): void {
    this.database.transaction(() => {
      this.database.prepare(`UPDATE scenes SET background = ? WHERE id = 'scene-0'`).run(background);
      this.database
        .prepare(`UPDATE crsql_master SET value = ? WHERE key = 'pre_compact_dbversion'`)
        .run(version);
    })();
    this.copy.grew(this.sizeBytes);
  }
}
