import type { Database } from '@nozbe/watermelondb';
import type { LocalState } from './local-state';
import { countUnsynced } from './pending';
import { eraseAll, markAllCreated } from './recovery';
import type { Refusals } from './refusals';

/**
 * What becomes of the data on this device when it is to belong to another history. Only while nothing syncs. The rows
 * come first: whatever interrupts us, they are never taken for rows of the other history.
 */
export class LocalData {
  constructor(
    private readonly database: Database,
    private readonly state: LocalState,
    private readonly refusals: Refusals,
  ) {}

  /** Empties this device, without a trace at the server. @returns how many local changes were given up */
  async erase(): Promise<number> {
    const dropped = await countUnsynced(this.database);
    await eraseAll(this.database);
    await this.refusals.clear();
    await this.state.forgetHistory({ isReplaced: false });
    return dropped;
  }

  /** Makes everything here new to whatever account comes next; what that one has already wins, unless edited here. */
  async bringAlong(): Promise<void> {
    await markAllCreated(this.database, { isOursNewer: false });
    await this.state.forgetHistory({ isReplaced: false });
  }

  /** Makes everything here new to the server, and newer than what it has. */
  async putAbove(): Promise<void> {
    await markAllCreated(this.database, { isOursNewer: true });
    await this.state.forgetHistory({ isReplaced: false });
  }

  /** Has the next pull replace everything here but what is unsynced. */
  async putBelow(): Promise<void> {
    await this.state.forgetHistory({ isReplaced: true });
  }
}
