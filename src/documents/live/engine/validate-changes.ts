import type { ChangeValue } from '../../../protocol/changes-bytes.js';
import type { Change, Changes } from '../../../protocol/changes-codec.js';
import { LIVE_LIMITS } from '../../../protocol/documents.js';
import { AppError } from '../../../foundation/errors/app-error.js';
import type { DocumentKind, KindColumn } from '../../kinds.js';
import { unpackKey, type KeyPart } from './packed-key.js';

/** A change by names, as `crsql_changes` takes it. */
export interface NamedChange {
  table: string;
  key: Uint8Array;
  /** '-1': the sentinel. */
  column: string;
  value: ChangeValue;
  colVersion: number;
  cl: number;
  site: Uint8Array;
}

/** The rule that a batch breaks; a label of metrics, too. */
export type ChangesRule =
  | 'format'
  | 'site'
  | 'table'
  | 'column'
  | 'key'
  | 'sentinel'
  | 'cl'
  | 'col_version'
  | 'type'
  | 'not_null'
  | 'finite'
  | 'too_large'
  | 'constraint'
  | 'trap';

/** What the copy holds: the causal length of a record, or the version of one of its cells. */
export type StoredVersion = (table: string, key: KeyPart[], column: string) => number;

export const SENTINEL = '-1';
/** How far a version may be above the stored one: far above what one batch can need, far below what ends counting. */
const MAX_AHEAD = 2 ** 20;
const MAX_EXACT_REAL = 2n ** 53n;
const MAX_CELL_BYTES = LIVE_LIMITS.maxCellBytes;

/** AppError CHANGES_INVALID. @param row the row's place in the body; null: the batch as a whole */
export function invalidChanges(
  row: number | null,
  rule: ChangesRule,
  detail: string,
  cause?: unknown,
): AppError {
  return new AppError('CHANGES_INVALID', { row, rule, detail }, { cause });
}

/** A table of a body, as the kind declares it. */
interface KnownTable {
  name: string;
  keyColumns: KindColumn[];
  /** The body's columns, in its order. */
  columns: KindColumn[];
}

/**
 * Finds the tables and columns of a batch in its kind. Integers for a REAL column become reals: SQLite would convert them
 * as well, but only after CR-SQLite has compared them with the stored real as another type.
 * @throws AppError CHANGES_INVALID if the kind has no such table or column
 */
export function nameChanges(kind: DocumentKind, changes: Changes): NamedChange[] {
  const tables = changes.tables.map((table) => findTable(kind, table));
  return changes.rows.map(({ table, key, column, value, colVersion, cl, site }) => {
    const { name, columns } = tables[table]!;
    const known = column === 0 ? null : columns[column - 1]!;
    return {
      table: name,
      key,
      column: known?.name ?? SENTINEL,
      value: known?.type === 'REAL' && isExactReal(value) ? Number(value) : value,
      colVersion,
      cl,
      site: changes.sites[site]!,
    };
  });
}

/**
 * Checks every row of a client's batch before any reaches SQLite, which would trap, lose track of local writes or diverge
 * on some.
 * @param named its rows by `nameChanges`
 * @param site the only site that the batch may have, 32 hex digits
 * @throws AppError CHANGES_INVALID
 */
export function validateChanges(
  kind: DocumentKind,
  changes: Changes,
  named: NamedChange[],
  site: string,
  storedVersion: StoredVersion,
): void {
  checkSite(changes, site);
  const tables = changes.tables.map((table) => findTable(kind, table));
  // The cells of a record share its key, which is then checked once.
  let previous: { table: number; key: Uint8Array; parts: KeyPart[] } | null = null;
  changes.rows.forEach((row, at) => {
    const fail = (rule: ChangesRule, detail: string): never => {
      throw invalidChanges(at, rule, detail);
    };
    const table = tables[row.table]!;
    if (previous?.key !== row.key || previous.table !== row.table) {
      previous = { table: row.table, key: row.key, parts: checkKey(table, row.key, fail) };
    }
    const { parts } = previous;
    const { value, column } = named[at]!;
    checkVersions(row, (of) => storedVersion(table.name, parts, of), column, fail);
    if (row.column === 0) checkSentinel(row, fail);
    else checkCell(table.name, table.columns[row.column - 1]!, row.cl, value, fail);
  });
}

type Fail = (rule: ChangesRule, detail: string) => never;

function checkSite({ sites }: Changes, site: string): void {
  if (sites.length === 1 && Buffer.from(sites[0]!).toString('hex') === site) return;
  throw invalidChanges(null, 'site', 'The changes are not those of the connection’s own copy alone.');
}

function findTable(kind: DocumentKind, { name, columns }: Changes['tables'][number]): KnownTable {
  const table = kind.tables.find((one) => one.name === name);
  if (!table)
    throw invalidChanges(null, 'table', `${kind.name} has no table of the name of one in the batch.`);
  return {
    name,
    keyColumns: table.columns
      .filter(({ keyPlace }) => keyPlace > 0)
      .sort((one, other) => one.keyPlace - other.keyPlace),
    columns: columns.map((column) => {
      const known = table.columns.find((one) => one.name === column && one.keyPlace === 0);
      if (known) return known;
      throw invalidChanges(
        null,
        'column',
        `${name} has no column of the name of one in the batch, beside its key.`,
      );
    }),
  };
}

function checkKey({ name, keyColumns }: KnownTable, key: Uint8Array, fail: Fail): KeyPart[] {
  const parts = unpackKey(key);
  if (parts === null) return fail('key', 'The key is not packed as CR-SQLite packs it.');
  const isOfTable =
    parts.length === keyColumns.length &&
    parts.every((part, at) => typeof part === (keyColumns[at]!.type === 'TEXT' ? 'string' : 'bigint'));
  if (!isOfTable) fail('key', `The key is not one of ${name}.`);
  if (key.length > MAX_CELL_BYTES) fail('too_large', `A key may have ${MAX_CELL_BYTES} bytes.`);
  return parts;
}

function checkVersions(
  { cl, colVersion }: Change,
  stored: (column: string) => number,
  column: string,
  fail: Fail,
): void {
  if (cl < 1) fail('cl', 'The causal length begins at 1.');
  if (cl > MAX_AHEAD && cl > stored(SENTINEL) + MAX_AHEAD) {
    fail('cl', 'The causal length is far above the stored one.');
  }
  if (colVersion > MAX_AHEAD && colVersion > stored(column) + MAX_AHEAD) {
    fail('col_version', 'The version of the cell is far above the stored one.');
  }
}

function checkSentinel({ cl, colVersion, value }: Change, fail: Fail): void {
  if (value !== null || colVersion !== cl) {
    fail('sentinel', 'The sentinel has no value, and the causal length as its version.');
  }
}

function checkCell(
  table: string,
  { name, type, isNotNull }: KindColumn,
  cl: number,
  value: ChangeValue,
  fail: Fail,
): void {
  if (cl % 2 === 0) fail('sentinel', 'A deleted record has no cells.');
  if (value === null) {
    if (isNotNull) fail('not_null', `${table}.${name} takes no NULL.`);
    return;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) fail('finite', 'A real must be finite.');
  if (sizeOf(value) > MAX_CELL_BYTES) fail('too_large', `A cell may have ${MAX_CELL_BYTES} bytes.`);
  if (!hasType(type, value)) fail('type', `${table}.${name} takes ${type} only.`);
}

function isExactReal(value: ChangeValue): value is bigint {
  return typeof value === 'bigint' && value <= MAX_EXACT_REAL && value >= -MAX_EXACT_REAL;
}

function hasType(type: string, value: Exclude<ChangeValue, null>): boolean {
  switch (type) {
    case 'ANY':
      return true;
    case 'INT':
    case 'INTEGER':
      return typeof value === 'bigint';
    case 'REAL':
      return typeof value === 'number';
    case 'TEXT':
      return typeof value === 'string';
    default:
      return value instanceof Uint8Array;
  }
}

function sizeOf(value: ChangeValue): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'string') return 8;
  return value.length * 3 <= MAX_CELL_BYTES ? value.length : Buffer.byteLength(value);
}
