import { inPieces } from '../../foundation/flow/in-pieces.js';
import { AppError } from '../../foundation/errors/app-error.js';
import type { Column, ColumnValue } from '../../protocol/columns.js';
import type { Schema, Table } from '../../protocol/schema.js';
import { adjustmentOf, Adjustments } from './adjustments.js';
import {
  ID_PATTERN,
  type AdjustmentReason,
  type Rejection,
  type RejectionReason,
} from '../../protocol/sync.js';

/** A pushed row after sanitising: the declared columns that were present, each with a valid value. */
export type PartialRow = Record<string, ColumnValue>;

/** The pushed changes of one table. */
interface PushedTable {
  /** Rows by id; `isCreated`: the client listed the row under `created`. */
  rows: Map<string, { values: PartialRow; isCreated: boolean }>;
  deleted: Set<string>;
}

/** A push after sanitising. */
export interface PushedChanges {
  tables: Map<string, PushedTable>;
  /** Records that cannot be stored; the client keeps them unsynced. */
  refused: Rejection[];
  /** Values that do not fit the declaration. */
  adjustments: Adjustments;
}

/** Columns of WatermelonDB itself, which stand in each pushed row. */
const CLIENT_COLUMNS = new Set(['id', '_status', '_changed']);
// The answer repeats an unknown table's name for each of its ids.
const MAX_TABLE_NAME = 64;
/** A longer id is no record's: a valid one has 64 characters. The answer repeats refused ids, each of them twice. */
const MAX_ID = 1_024;
/** A declared table has 400 columns at most. */
const MAX_MEMBERS_OF_ROW = 10_000;
/** Rows between two turns of the event loop: each may have many members. */
const ROWS_AT_ONCE = 25;

/**
 * Reads an untrusted changes object: drops undeclared columns, converts values to their columns, and refuses records
 * that cannot be stored (BE push 8–10).
 * @throws AppError BAD_REQUEST when the shape itself is wrong
 */
export async function sanitizeChanges(schema: Schema, changes: unknown): Promise<PushedChanges> {
  const tables = new Map<string, PushedTable>();
  const refused: Rejection[] = [];
  const adjustments = new Adjustments();
  for await (const piece of inPieces(Object.entries(objectAt(changes, 'changes')))) {
    for (const [name, value] of piece) {
      if (name.length > MAX_TABLE_NAME)
        throw malformed('changes has a table name of more than 64 characters.');
      const lists = readLists(name, value);
      const table = Object.hasOwn(schema.tables, name) ? schema.tables[name] : undefined;
      if (table) tables.set(name, await sanitizeTable(name, table, lists, refused, adjustments));
      else await refuseAll(name, lists, refused);
    }
  }
  return { tables, refused, adjustments };
}

interface Lists {
  created: unknown[];
  updated: unknown[];
  deleted: unknown[];
}

function readLists(table: string, value: unknown): Lists {
  const lists: Lists = { created: [], updated: [], deleted: [] };
  for (const [key, list] of Object.entries(objectAt(value, `changes.${table}`))) {
    if (!isListName(key))
      throw malformed(
        `changes.${table} has a key "${key.slice(0, MAX_TABLE_NAME)}" beside created, updated and deleted.`,
      );
    if (!Array.isArray(list)) throw malformed(`changes.${table}.${key} must be an array.`);
    lists[key] = list;
  }
  return lists;
}

function isListName(key: string): key is keyof Lists {
  return key === 'created' || key === 'updated' || key === 'deleted';
}

async function sanitizeTable(
  tableName: string,
  table: Table,
  lists: Lists,
  refused: Rejection[],
  adjustments: Adjustments,
): Promise<PushedTable> {
  const rows: PushedTable['rows'] = new Map();
  const refusedHere = new Map<string, RejectionReason>();
  const columns = new Map(Object.entries(table.columns));
  for (const list of ['created', 'updated'] as const) {
    for await (const piece of inPieces(lists[list], ROWS_AT_ONCE))
      for (const row of piece) {
        const raw = objectAt(row, `changes.${tableName}.${list}[]`);
        const id = repeatable(idOf(raw.id, `changes.${tableName}.${list}[].id`));
        if (!ID_PATTERN.test(id)) refusedHere.set(id, 'ID_INVALID');
        const values = fitToColumns(columns, raw, (column, reason) =>
          adjustments.add(tableName, id, column, reason),
        );
        // The same id twice is one row: for each column the last value wins.
        const earlier = rows.get(id);
        rows.set(id, {
          values: earlier ? { ...earlier.values, ...values } : values,
          isCreated: list === 'created' || (earlier?.isCreated ?? false),
        });
      }
  }
  for await (const piece of inPieces(rows))
    for (const [id, { values }] of piece) {
      if (!refusedHere.has(id) && hasTooLongText(table, values)) refusedHere.set(id, 'TEXT_TOO_LONG');
    }
  const deleted = new Set<string>();
  for await (const piece of inPieces(lists.deleted))
    for (const entry of piece) {
      const id = idOf(entry, `changes.${tableName}.deleted[]`);
      if (ID_PATTERN.test(id)) deleted.add(id);
    }
  adjustments.forget(tableName, deleted);
  for await (const piece of inPieces(deleted))
    for (const id of piece) {
      rows.delete(id);
      refusedHere.delete(id);
    }
  for await (const piece of inPieces(refusedHere))
    for (const [id, reason] of piece) {
      rows.delete(id);
      refused.push({ table: tableName, id, reason });
    }
  return { rows, deleted };
}

/** A row's values for the declared columns; tells of each that is stored otherwise than it came, or not at all. */
function fitToColumns(
  columns: ReadonlyMap<string, Column>,
  raw: Record<string, unknown>,
  tell: (column: string, reason: AdjustmentReason) => void,
): PartialRow {
  const values: PartialRow = {};
  const names = Object.keys(raw);
  if (names.length > MAX_MEMBERS_OF_ROW)
    throw malformed(`a row has ${names.length} members; at most ${MAX_MEMBERS_OF_ROW} are possible.`);
  for (const name of names) {
    const column = columns.get(name);
    if (column) {
      const coerced = column.coerce(raw[name]);
      if (coerced !== undefined) values[name] = coerced;
      const reason = adjustmentOf(column, raw[name], coerced);
      if (reason) tell(name, reason);
    } else if (!CLIENT_COLUMNS.has(name)) tell(name, 'COLUMN_UNKNOWN');
  }
  return values;
}

function hasTooLongText(table: Table, values: PartialRow): boolean {
  for (const column in values) {
    const value = values[column];
    if (typeof value === 'string' && value.length > (table.columns[column]!.maxLength ?? Infinity))
      return true;
  }
  return false;
}

/** Refuses every record of a table that is not declared. */
async function refuseAll(table: string, lists: Lists, refused: Rejection[]): Promise<void> {
  const ids = new Set<string>();
  for (const list of ['created', 'updated'] as const) {
    const where = `changes.${table}.${list}[]`;
    for await (const piece of inPieces(lists[list]))
      for (const row of piece) ids.add(repeatable(idOf(objectAt(row, where).id, `${where}.id`)));
  }
  for await (const piece of inPieces(lists.deleted))
    for (const id of piece) ids.add(repeatable(idOf(id, `changes.${table}.deleted[]`)));
  for await (const piece of inPieces(ids))
    for (const id of piece) refused.push({ table, id, reason: 'TABLE_UNKNOWN' });
}

function idOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw malformed(`${where} must be a string.`);
  return value;
}

/** An id that the answer may have to repeat. */
function repeatable(id: string): string {
  if (id.length > MAX_ID) throw malformed(`an id has ${id.length} characters; at most 64 are possible.`);
  return id;
}

function objectAt(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${where} must be an object.`);
  return value as Record<string, unknown>;
}

function malformed(detail: string): AppError {
  return new AppError('BAD_REQUEST', { detail });
}
