import { Inject, Injectable } from '@nestjs/common';
import { NOW, type Now } from '../foundation/config/config.module.js';
import { Database } from '../foundation/database/database.js';
import { JournalRepository } from '../documents/content/journal.repository.js';
import { ObjectStorage } from '../storage/storage.js';
import { UploadsRepository } from './uploads.repository.js';

/** An upload under way renews its row every few seconds: after so long it has been given up. */
export const LEFTOVER_AGE_MS = 3_600_000;
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
    await this.journal.removeDrafts(this.now() - LEFTOVER_AGE_MS);
    for (let removed = 0; ;) {
      const before = this.now() - LEFTOVER_AGE_MS;
      const leftovers = await this.uploads.listLeftovers(before, BATCH);
      if (leftovers.length === 0) return removed;
      for (const leftover of leftovers) {
        if (signal.aborted) return removed;
        // Its process may have slept, or have another clock, and end the upload while others are being removed.
        if (!(await this.uploads.giveUp(leftover, before, before + RETRY_MS))) continue;
        await this.storage.remove(leftover.key);
        await this.database.transaction((tx) => this.uploads.forget(tx, leftover));
        removed += 1;
      }
    }
  }
}
