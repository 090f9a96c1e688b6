import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { Database } from '../foundation/database/database.js';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { ObjectStorage } from '../storage/storage.js';
import { UploadsRepository } from './uploads.repository.js';

/** A draft in the journal becomes a version within minutes; after this time its process must have died. */
const DRAFT_AGE_MS = 3_600_000;
/** An object that cannot be removed is tried again after this time, so that it does not delay the others. */
const RETRY_MS = 600_000;
const BATCH = 100;

/** Removes what no document needs: objects of old versions, and leftovers of failed uploads and writes. */
@Injectable()
export class VersionsSweep {
  constructor(
    private readonly database: Database,
    private readonly uploads: UploadsRepository,
    private readonly journal: JournalRepository,
    private readonly storage: ObjectStorage,
    @Inject(NOW) private readonly now: Now,
  ) {}

  /**
   * Removes due leftovers. Each object is removed before its row, so that no object stays behind unknown.
   * @returns how many objects were removed
   * @throws AppError STORAGE_UNAVAILABLE; the next run removes the rest
   */
  async run(signal: AbortSignal): Promise<number> {
    await this.journal.removeDrafts(this.now() - DRAFT_AGE_MS);
    for (let removed = 0; ;) {
      const now = this.now();
      const leftovers = await this.uploads.listLeftovers(now, BATCH);
      if (leftovers.length === 0) return removed;
      for (const leftover of leftovers) {
        if (signal.aborted) return removed;
        // The uploading process may have been suspended or have another clock, and may finish before its object's turn.
        if (!(await this.uploads.claimLeftover(leftover, now, now + RETRY_MS))) continue;
        await this.storage.remove(leftover.key);
        await this.database.transaction((tx) => this.uploads.forget(tx, leftover));
        removed += 1;
      }
    }
  }
}
