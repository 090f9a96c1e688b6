import { ChangesWriter } from '../../../../src/protocol/changes-codec.js';
import { LIVE_LIMITS } from '../../../../src/protocol/documents.js';
import { clockOf } from './bookkeeping.js';
import { unhex } from '../../hex.js';
import type { Connection, SqlValue } from './connection.js';
import { cutBodies } from './cut-bodies.js';

/** A batch that is to be sent. */
export interface Batch {
  body: Uint8Array;
  rows: number;
  /** The local version up to which everything is sent with it; null: the last version goes on in the next batch. */
  upTo: number | null;
}

/** One of its own changes. */
export interface OwnRow {
  /** The local version that wrote it. */
  version: number;
  table: string;
  /** CR-SQLite's packed primary key. */
  key: Uint8Array;
  /** '-1': the row's own birth or death. */
  column: string;
  /** As in `ChangeValue`. */
  value: SqlValue;
  colVersion: number;
  cl: number;
}

/** A body's head, with the names of tables and columns. */
const HEAD_BYTES = 16_384;
/** What the numbers of a row take at most. */
const ROW_BYTES = 48;
const SENTINEL = '-1';

/**
 * What a copy wrote itself above a local version, as batches in the order in which it was written: the first versions that
 * together fit into one batch, or the first one if it alone does not.
 */
export async function ownChanges(
  db: Connection,
  tables: readonly string[],
  above: number,
  siteId: string,
): Promise<Batch[]> {
  const upTo = await lastVersionOfBatch(db, tables, above);
  if (upTo === null) return [];
  const rows = await ownRows(db, above, upTo);
  const limits = { rows: LIVE_LIMITS.maxBatchRows, bytes: LIVE_LIMITS.maxBatchBytes - HEAD_BYTES };
  return cutBodies(rows, limits, sizeOf).map((cut) => ({
    body: encode(cut.rows, siteId),
    rows: cut.rows.length,
    upTo: cut.upTo,
  }));
}

/** What a copy wrote itself in the local versions (above, upTo], in the order in which it was written. */
export async function ownRows(db: Connection, above: number, upTo: number): Promise<OwnRow[]> {
  const rows: OwnRow[] = [];
  const sql = `SELECT db_version, "table", pk, cid, val, col_version, cl FROM crsql_changes
    WHERE db_version > ? AND db_version <= ? AND site_id = crsql_site_id() ORDER BY db_version, seq`;
  await db.each(sql, [[BigInt(above), BigInt(upTo)]], (row) => rows.push(toRow(row)), true);
  return rows;
}

/** The last of the versions that have few enough rows for one batch, at least the first; null: there is nothing. */
async function lastVersionOfBatch(
  db: Connection,
  tables: readonly string[],
  above: number,
): Promise<number | null> {
  const clocks = tables.map(
    (table) => `SELECT db_version FROM ${clockOf(table)} WHERE db_version > ?1 AND site_id = 0`,
  );
  const sql = `SELECT db_version AS version, count(*) AS rows FROM (${clocks.join(' UNION ALL ')})
    GROUP BY 1 ORDER BY 1 LIMIT ${LIVE_LIMITS.maxBatchRows}`;
  let last: number | null = null;
  let sum = 0;
  for (const { version, rows } of await db.all(sql, [above])) {
    sum += Number(rows);
    if (last !== null && sum > LIVE_LIMITS.maxBatchRows) break;
    last = Number(version);
  }
  return last;
}

function toRow(row: Record<string, SqlValue>): OwnRow {
  return {
    version: Number(row.db_version),
    table: String(row.table),
    key: row.pk as Uint8Array,
    column: String(row.cid),
    value: row.val!,
    colVersion: Number(row.col_version),
    cl: Number(row.cl),
  };
}

function encode(rows: readonly OwnRow[], siteId: string): Uint8Array {
  const writer = new ChangesWriter();
  const site = writer.siteIndex(unhex(siteId));
  for (const { table: name, column: cid, key, cl, colVersion, value } of rows) {
    const table = writer.tableIndex(name);
    const column = cid === SENTINEL ? 0 : writer.columnIndex(table, cid);
    writer.add({ table, site, key, column, cl, colVersion, value });
  }
  return writer.finish();
}

function sizeOf({ key, value }: OwnRow): number {
  const bytes =
    typeof value === 'string' ? value.length * 3 : value instanceof Uint8Array ? value.length : 10;
  return ROW_BYTES + key.length + bytes;
}
