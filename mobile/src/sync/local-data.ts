import type { Database } from '@nozbe/watermelondb';
import type { LocalState } from './local-state';
import { countUnsynced } from './pending';
import { eraseAll, markAllCreated } from './recovery';
import type { Refusals } from './refusals';

/** A way out of `incompatible`. */
export type RecoveryWay = 'take-server' | 'upload-everything' | 'start-fresh';

/**
 * What becomes of the data on this device when it is to belong to another history. Only while nothing syncs. Whatever
 * interrupts us, the rows are never taken for rows of the other history, nor missing rows for synced ones.
 */
export class LocalData {
  constructor(
    private readonly database: Database,
    private readonly state: LocalState,
    private readonly refusals: Refusals,
  ) {}

  /** Does what a way out asks of the data here. @returns how many local changes were given up */
  async prepare(way: RecoveryWay): Promise<number> {
    if (way === 'start-fresh') return this.erase();
    if (way === 'upload-everything') await this.makeNew({ isOursNewer: true });
    else await this.state.forgetHistory({ isReplaced: true }); // the next pull replaces all but what is unsynced
    return 0;
  }

  /** Empties this device, without a trace at the server. @returns how many local changes were given up */
  async erase(): Promise<number> {
    const dropped = await countUnsynced(this.database);
    // First, or a device that was emptied halfway would count as being up to date.
    await this.state.forgetHistory({ isReplaced: true });
    await eraseAll(this.database);
    await this.refusals.clear();
    await this.state.forgetHistory({ isReplaced: false });
    return dropped;
  }

  /** Makes everything here new to whatever account comes next; what that one has already wins, unless edited here. */
  bringAlong(): Promise<void> {
    return this.makeNew({ isOursNewer: false });
  }

  private async makeNew(whose: { isOursNewer: boolean }): Promise<void> {
    await markAllCreated(this.database, whose);
    await this.state.forgetHistory({ isReplaced: false });
  }
}
