import type { Database } from '@nozbe/watermelondb';
import type { LocalState } from './local-state.js';
import { countUnsynced } from './pending.js';
import { eraseAll, markAllCreated } from './recovery.js';
import type { Refusals } from './refusals.js';
import type { SyncedTables } from './synced-tables.js';

/** A way out of `incompatible`. */
export type RecoveryWay = 'take-server' | 'upload-everything' | 'start-fresh';

/**
 * Prepares the data on this device for another history. Call only while nothing syncs. After an interruption at any
 * point, old rows do not count as synced with the other history, and erased rows do not count as up to date.
 */
export class LocalData {
  constructor(
    private readonly database: Database,
    private readonly tables: SyncedTables,
    private readonly state: LocalState,
    private readonly refusals: Refusals,
  ) {}

  /** Prepares the data for one way out of `incompatible`. @returns how many local changes were discarded */
  async prepare(way: RecoveryWay): Promise<number> {
    if (way === 'start-fresh') return this.erase();
    if (way === 'upload-everything') await this.makeNew({ isOursNewer: true });
    else await this.state.forgetHistory({ isReplaced: true }); // the next pull replaces all except unsynced rows
    return 0;
  }

  /** Erases the data on this device only; the server keeps its own. @returns how many local changes were discarded */
  async erase(): Promise<number> {
    const dropped = await countUnsynced(this.database, this.tables);
    // First, or a device that was erased halfway would count as up to date.
    await this.state.forgetHistory({ isReplaced: true });
    await eraseAll(this.database, this.tables);
    await this.refusals.clear();
    await this.state.forgetHistory({ isReplaced: false });
    return dropped;
  }

  /** Marks every row as new for the next account. If that has the row too, its values win except those edited here. */
  bringAlong(): Promise<void> {
    return this.makeNew({ isOursNewer: false });
  }

  private async makeNew(whose: { isOursNewer: boolean }): Promise<void> {
    await markAllCreated(this.database, this.tables, whose);
    await this.state.forgetHistory({ isReplaced: false });
  }
}
