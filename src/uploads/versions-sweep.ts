import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { Database } from '../foundation/database/database.js';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { ObjectStorage } from '../storage/storage.js';
import { UploadsRepository } from './uploads.repository.js';

/** A draft in the journal becomes a version within minutes: after so long its process has died. */
const DRAFT_AGE_MS = 3_600_000;
/** An object that cannot be removed is tried again after so long, and does not hold up the others. */
const RETRY_MS = 600_000;
const BATCH = 100;

/** Removes what no document needs: objects of old versions, and what broken uploads and writes left. */
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
   * Removes what has been left long enough; each object goes before its row, so that none is ever forgotten.
   * @returns how many objects were removed
   * @throws AppError STORAGE_UNAVAILABLE; the rest is left for the next time
   */
  async run(signal: AbortSignal): Promise<number> {
    await this.journal.removeDrafts(this.now() - DRAFT_AGE_MS);
    for (let removed = 0; ;) {
      const now = this.now();
      const leftovers = await this.uploads.listLeftovers(now, BATCH);
      if (leftovers.length === 0) return removed;
      for (const leftover of leftovers) {
        if (signal.aborted) return removed;
        // Its process may have slept, or have another clock, and end the upload while others are being removed.
        if (!(await this.uploads.claimLeftover(leftover, now, now + RETRY_MS))) continue;
        await this.storage.remove(leftover.key);
        await this.database.transaction((tx) => this.uploads.forget(tx, leftover));
        removed += 1;
      }
    }
  }
}
