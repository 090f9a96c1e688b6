import type { Connection } from './connection.js';
import type { OwnRow } from './own-changes.js';

/**
 * A change of another epoch as a new edit of this copy: its clocks are set just above those that the cell has here. A row
 * that is gone here comes back with it; a deletion deletes what is here.
 */
export async function toReplayed(db: Connection, row: OwnRow): Promise<OwnRow> {
  const clocks = await db.all('SELECT cid, col_version, cl FROM crsql_changes WHERE "table" = ? AND pk = ?', [
    row.table,
    row.key,
  ]);
  const here = Math.max(1, ...clocks.map(({ cl }) => Number(cl)));
  const isDeletion = row.column === '-1' && row.cl % 2 === 0;
  const cl = here % 2 === (isDeletion ? 0 : 1) ? here : here + 1;
  if (row.column === '-1') return { ...row, cl, colVersion: cl };
  const cell = clocks.find(({ cid }) => cid === row.column);
  return { ...row, cl, colVersion: 1 + Number(cell?.col_version ?? 0) };
}
