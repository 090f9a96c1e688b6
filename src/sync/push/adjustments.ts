import type { Column, ColumnValue } from '../../protocol/columns.js';
import { MAX_ADJUSTED, type Adjustment, type AdjustmentReason } from '../../protocol/sync.js';

/** A wire name longer than this is cut in the answer. */
const MAX_NAME = 64;

/** Why `coerced` stands in the column and not `value`. @returns undefined when nothing of the value was lost */
export function adjustmentOf(
  column: Column,
  value: unknown,
  coerced: ColumnValue | undefined,
): AdjustmentReason | undefined {
  if (value === coerced) return undefined;
  if (column.values) return 'CHOICE_UNKNOWN';
  if (column.type === 'boolean' && (value === 0 || value === 1)) return undefined; // as WatermelonDB's SQLite has them
  if (typeof value === 'number' && typeof coerced === 'number') return 'NUMBER_FITTED';
  if (typeof value === 'string' && typeof coerced === 'string') return 'TEXT_CLEANED';
  return 'TYPE_WRONG';
}

/** The pushed values of one push that were stored otherwise, or not at all: the first of them, and how many more. */
export class Adjustments {
  private readonly first = new Map<string, Adjustment>();
  /** How many there are beside the first. */
  more = 0;

  /** The first ones, in the order of the push. */
  list(): Adjustment[] {
    return [...this.first.values()];
  }

  add(table: string, id: string, column: string, reason: AdjustmentReason): void {
    const key = JSON.stringify([table, id, column]); // the same row may be pushed twice
    if (this.first.has(key) || this.first.size < MAX_ADJUSTED) {
      const name = column.length > MAX_NAME ? `${column.slice(0, MAX_NAME)}…` : column;
      this.first.set(key, { table, id, column: name.toWellFormed(), reason });
    } else this.more++;
  }

  /** Forgets a record that is not stored at all. */
  forget(table: string, ids: ReadonlySet<string> | ReadonlyMap<string, unknown>): void {
    for (const [key, { table: name, id }] of this.first) {
      if (name === table && ids.has(id)) this.first.delete(key);
    }
  }
}
