import type { RowsByTable } from '../rows.js';
import type { ReplayJob } from './replay.js';

/** What the drivers can do by themselves. */
export interface RawDatabase {
  /** Fills an account by set-based SQL, as if one push had done it. */
  seed(accountId: string, games: number): Promise<{ rows: number; clock: number }>;
  /** The account's live rows as JSON arrays, one a table, in the order of the declaration. */
  readJson(accountId: string): Promise<(string | Buffer)[]>;
  /** @returns what inserts the rows in one transaction, everything else being done */
  prepareInsert(accountId: string, stamp: number, rows: RowsByTable): Promise<() => Promise<void>>;
  /** @returns how many requests' worth of statements went through in a second */
  replay(job: ReplayJob): Promise<number>;
}
