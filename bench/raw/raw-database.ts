import type { RowsByTable } from '../rows.js';
import type { ReplayJob } from './replay.js';

/** The work that the drivers do without Tidemark. */
export interface RawDatabase {
  /** Fills an account by set-based SQL, as one push would. */
  seed(accountId: string, games: number): Promise<{ rows: number; clock: number }>;
  /** The account's live rows as JSON arrays, one per table, in the order of the declaration. */
  readJson(accountId: string): Promise<(string | Buffer)[]>;
  /** Prepares an insert. @returns a function that only inserts the rows in one transaction */
  prepareInsert(accountId: string, stamp: number, rows: RowsByTable): Promise<() => Promise<void>>;
  /** Replays a recorded request. @returns how many requests per second */
  replay(job: ReplayJob): Promise<number>;
}
