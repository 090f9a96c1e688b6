import { Q, type Database } from '@nozbe/watermelondb';
import type { Rejection } from '../../../src/protocol/sync.js';
import { isUnsynced, type SyncedTables } from './synced-tables.js';
import type { Refusals } from './refusals.js';

/** What happens to local changes. */
export interface PendingListener {
  /** A row was just changed on this device; called before that write returns. */
  onEdited(): void;
  onCounted(pending: number, refused: Rejection[]): void;
}

/** Counts the local changes that the server has not acknowledged: with deletions, without refused rows. */
export class PendingChanges {
  private unsubscribe: (() => void)[] = [];
  private counting: Promise<void> | null = null;
  private isOutdated = false;

  constructor(
    private readonly database: Database,
    private readonly tables: SyncedTables,
    private readonly refusals: Refusals,
    private readonly listener: PendingListener,
  ) {}

  start(): void {
    this.stop();
    this.unsubscribe = this.tables.names.map((table) =>
      this.database.get(table).experimentalSubscribe((changes) => {
        // Rows that a pull writes are synced. A destroyed record may be a deletion to push; the count decides.
        if (changes.some(({ record }) => isUnsynced(record))) this.listener.onEdited();
        // If counting fails, `onEdited` has at least reported one change.
        this.recount().catch(() => undefined);
      }),
    );
  }

  stop(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    this.unsubscribe = [];
  }

  /** Counts again; resolves when the newest count has been reported. */
  recount(): Promise<void> {
    this.isOutdated = true;
    this.counting ??= this.countUntilStable().finally(() => (this.counting = null));
    return this.counting;
  }

  private async countUntilStable(): Promise<void> {
    let counted = { pending: 0, refused: [] as Rejection[] };
    // If an edit happened during a count, do not report that count: it could be 0 although there is a change.
    while (this.isOutdated) {
      this.isOutdated = false;
      counted = await this.count();
    }
    this.listener.onCounted(counted.pending, counted.refused);
  }

  private async count(): Promise<{ pending: number; refused: Rejection[] }> {
    const unsynced = await countUnsynced(this.database, this.tables);
    const refused = await this.refusals.inEffect();
    return { pending: Math.max(0, unsynced - refused.length), refused };
  }
}

/** How many local changes the server has not acknowledged, refused rows included. */
export async function countUnsynced(database: Database, tables: SyncedTables): Promise<number> {
  const counts = await Promise.all(
    tables.names.map(async (table) => {
      const dirty = Q.where('_status', Q.oneOf(['created', 'updated']));
      const deleted = await database.adapter.getDeletedRecords(table);
      return (await database.get(table).query(dirty).fetchCount()) + deleted.length;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
