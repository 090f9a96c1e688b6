import { inPieces } from '../../foundation/flow/in-pieces.js';
import type { Column, ColumnValue } from '../../protocol/columns.js';
import { MAX_ADJUSTED, type Adjustment, type AdjustmentReason, type Rejection } from '../../protocol/sync.js';

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

/** Of further columns of the records, so many are kept; a body may have millions. */
const MAX_KEPT = 10_000;

interface OfRecord {
  columns: Map<string, AdjustmentReason>;
  /** How many columns there are beside. */
  more: number;
}

/** The pushed values of one push that were stored otherwise, or not at all, by table and record. */
export class Adjustments {
  private readonly byTable = new Map<string, Map<string, OfRecord>>();
  private kept = 0;

  add(table: string, id: string, column: string, reason: AdjustmentReason): void {
    let records = this.byTable.get(table);
    if (!records) this.byTable.set(table, (records = new Map<string, OfRecord>()));
    const ofRecord = records.get(id);
    if (!ofRecord) records.set(id, { columns: new Map([[column, reason]]), more: 0 });
    else if (ofRecord.columns.has(column) || this.kept < MAX_KEPT) {
      this.kept++;
      ofRecord.columns.set(column, reason); // the same row may be pushed twice
    } else ofRecord.more++;
  }

  /**
   * Those of the records that were stored, in the order of the push: the first MAX_ADJUSTED, and how many more.
   * @param rejected the records that were not
   */
  async ofStored(rejected: readonly Rejection[]): Promise<{ first: Adjustment[]; more: number }> {
    const first: Adjustment[] = [];
    let more = 0;
    if (this.byTable.size === 0) return { first, more };
    for await (const piece of inPieces(rejected))
      for (const { table, id } of piece) this.byTable.get(table)?.delete(id);
    for (const [table, records] of this.byTable)
      for await (const piece of inPieces(records))
        for (const [id, ofRecord] of piece) {
          more += ofRecord.more;
          for (const [column, reason] of ofRecord.columns) {
            if (first.length < MAX_ADJUSTED) first.push({ table, id, column: shown(column), reason });
            else more++;
          }
        }
    return { first, more };
  }

  /** Forgets the records that the same push deletes. */
  forget(table: string, ids: ReadonlySet<string>): void {
    const records = this.byTable.get(table);
    if (records) for (const id of ids) records.delete(id);
  }
}

function shown(column: string): string {
  const name = column.length > MAX_NAME ? `${column.slice(0, MAX_NAME)}…` : column;
  return name.toWellFormed();
}
