import { Inject, Injectable } from '@nestjs/common';
import type { Snapshot, SqlValue } from '../../foundation/database/database.js';
import { yieldToEventLoop } from '../../foundation/flow/yield-to-event-loop.js';
import { SCHEMA } from '../../foundation/database/database.module.js';
import type { Column, Dialect } from '../../protocol/columns.js';
import { columnsAt, tablesAt, type Schema, type Table } from '../../protocol/schema.js';
import type { Migration, Timestamp } from '../../protocol/sync.js';
import { quote, readInIndexOrder, rowMembers, selectJson, selectJsonIds } from '../records.sql.js';

/** Which rows a pull reads. */
export interface ReadPlan {
  accountId: string;
  /** Only rows with a later stamp; null: every row. */
  since: Timestamp | null;
  /** Whether the answer includes deletions. */
  withTombstones: boolean;
  /** The client's schema version; tables and columns added later are left out. */
  schemaVersion: number;
  migration: Migration | null;
}

interface Page {
  /** The page's rows as JSON values joined by commas. */
  items: string | null;
  count: number;
  /** Position of the last row, after which the next page begins; null: no row. */
  cursor: string | null;
}

/**
 * A page blocks the event loop for about a millisecond. Texts of larger pages from PostgreSQL pile up until a full
 * garbage collection (177 MiB at 5,000 rows, 48 MiB at 500).
 */
const PAGE_ROWS: Record<Dialect, number> = { sqlite: 1_000, postgres: 500 };

/** Reads changes from one snapshot, page by page, as JSON text that the database builds. */
@Injectable()
export class ChangesReader {
  constructor(@Inject(SCHEMA) private readonly schema: Schema) {}

  /** How many rows and deletions `read` will bring. */
  async count(snapshot: Snapshot, plan: ReadPlan): Promise<number> {
    let total = 0;
    for (const [name, table] of tablesAt(this.schema, plan.schemaVersion)) {
      for (const part of partsOf(plan, name, table)) total += await countPart(snapshot, plan, part);
    }
    return total;
  }

  /** Yields the members of the changes object, without its braces. */
  async *read(snapshot: Snapshot, plan: ReadPlan): AsyncGenerator<string, void> {
    await readInIndexOrder(snapshot);
    let separator = '';
    for (const [name, table] of tablesAt(this.schema, plan.schemaVersion)) {
      yield `${separator}"${name}":{"created":[],"updated":[`;
      for (const part of partsOf(plan, name, table)) {
        if (part.isTombstones) yield '],"deleted":[';
        yield* readPart(snapshot, plan, part);
      }
      yield plan.withTombstones ? ']}' : '],"deleted":[]}';
      separator = ',';
    }
  }
}

/** The live rows of a table, or its tombstones. */
interface Part {
  name: string;
  isTombstones: boolean;
  columns: [name: string, column: Column][];
  /** True: pages are in the order of stamps; false: of ids. */
  byStamp: boolean;
  /** The rows to read whatever their stamp; null: none. */
  migrated: MigratedRows | null;
}

/** A condition and its parameters. Its text does not depend on the columns that the client names. */
interface MigratedRows {
  condition(firstParameter: number): string;
  values: boolean[];
}

function partsOf(plan: ReadPlan, name: string, table: Table): Part[] {
  const columns = columnsAt(table, plan.schemaVersion);
  const byStamp = plan.since !== null;
  const migrated = byStamp ? migratedRows(plan.migration, name, columns) : null;
  const live: Part = { name, isTombstones: false, columns, byStamp: byStamp && !migrated, migrated };
  const tombstones: Part = { name, isTombstones: true, columns: [], byStamp, migrated: null };
  return plan.withTombstones ? [live, tombstones] : [live];
}

/**
 * The rows that a client needs after its schema migration (BE pull 6): all rows of an added table; for an added column,
 * those whose value is not the empty one that the client filled in. Undeclared names are ignored: only the app has them.
 */
function migratedRows(
  migration: Migration | null,
  name: string,
  columns: [name: string, column: Column][],
): MigratedRows | null {
  if (!migration) return null;
  if (migration.tables.includes(name)) return { condition: () => 'true', values: [] };
  const added = new Set(
    migration.columns.filter(({ table }) => table === name).flatMap((entry) => entry.columns),
  );
  const values = columns.map(([column]) => added.has(column));
  if (!values.includes(true)) return null;
  const differs = (first: number) =>
    columns.map(
      ([column, declared], n) => `($${first + n} AND ${differsFromEmpty(quote(column), declared)})`,
    );
  return { condition: (first) => differs(first).join(' OR '), values };
}

function differsFromEmpty(name: string, { emptyValue }: Column): string {
  if (emptyValue === null) return `${name} IS NOT NULL`;
  if (emptyValue === false) return name;
  return emptyValue === 0 ? `${name} <> 0` : `${name} <> ''`;
}

async function countPart(snapshot: Snapshot, plan: ReadPlan, part: Part): Promise<number> {
  const where = [accountAnd(part)];
  const values: SqlValue[] = [plan.accountId];
  if (plan.since !== null) {
    where.push(changedOrMigrated(part, 2));
    values.push(plan.since, ...(part.migrated?.values ?? []));
  }
  const [row] = await snapshot.query<{ n: number }>(
    `SELECT count(*) AS n FROM ${quote(part.name)} WHERE ${where.join(' AND ')}`,
    values,
  );
  return row!.n;
}

async function* readPart(snapshot: Snapshot, plan: ReadPlan, part: Part): AsyncGenerator<string, void> {
  const sql = pageStatement(snapshot.dialect, plan, part);
  let cursor: SqlValue[] = part.byStamp ? [plan.since, AFTER_ALL_IDS] : [''];
  const fixed = !part.byStamp && plan.since !== null ? [plan.since, ...(part.migrated?.values ?? [])] : [];
  for (let separator = ''; ; separator = ',') {
    const [page] = await snapshot.query<Page>(sql, [plan.accountId, ...cursor, ...fixed]);
    if (page!.cursor === null) return;
    yield separator + page!.items!;
    if (page!.count < PAGE_ROWS[snapshot.dialect]) return;
    cursor = part.byStamp
      ? [Number(page!.cursor.slice(0, STAMP_DIGITS)), page!.cursor.slice(STAMP_DIGITS)]
      : [page!.cursor];
    await yieldToEventLoop();
  }
}

/** Sorts after every id: all characters of ids come before `~`. */
const AFTER_ALL_IDS = '~';
const STAMP_DIGITS = 16;

/** Parameters: account, cursor (stamp and id, or id alone); with pages by id also `since` and the migration's values. */
function pageStatement(dialect: Dialect, plan: ReadPlan, part: Part): string {
  const where = [accountAnd(part), part.byStamp ? '(last_modified, id) > ($2, $3)' : 'id > $2'];
  if (!part.byStamp && plan.since !== null) where.push(changedOrMigrated(part, 3));
  const order = part.byStamp ? 'last_modified, id' : 'id';
  const rows = `SELECT * FROM ${quote(part.name)} WHERE ${where.join(' AND ')} ORDER BY ${order} LIMIT ${PAGE_ROWS[dialect]}`;
  const stamp =
    dialect === 'sqlite'
      ? `printf('%0${STAMP_DIGITS}d', page.last_modified)`
      : `lpad(page.last_modified::text, ${STAMP_DIGITS}, '0')`;
  const key = part.byStamp ? `${stamp} || page.id` : 'page.id';
  const more = `, count(*) AS "count", max(${key}) AS "cursor"`;
  if (part.isTombstones) return selectJsonIds(dialect, rows, more);
  return selectJson(dialect, rowMembers(dialect, part.columns), rows, more);
}

function accountAnd(part: Part): string {
  return `account_id = $1 AND ${part.isTombstones ? 'is_deleted' : 'NOT is_deleted'}`;
}

/** @param since the number of its parameter; the migration's parameters follow it */
function changedOrMigrated({ migrated }: Part, since: number): string {
  const changed = `last_modified > $${since}`;
  return migrated ? `(${changed} OR ${migrated.condition(since + 1)})` : changed;
}
