import type { Column, ColumnValue, Dialect } from '../../protocol/columns.js';
import type { DescribedColumn } from '../../protocol/described-tables.js';
import type { FoundColumn } from './found-tables.js';

/** One difference between a declaration and a database: the server refuses it, or adapts the database to it. */
export type Difference = { fault: string } | { change: string };

/** A value as it is written in a declaration. */
export const show = (value: ColumnValue) => JSON.stringify(value);
const list = (values: readonly string[]) => values.map(show).join(' or ');

/** Compares a column that the database has with its declaration, apart from its `since`. */
export function compareColumn(
  dialect: Dialect,
  where: string,
  found: FoundColumn,
  column: Column,
): Difference[] {
  const before = kindBefore(found, column);
  const now = kindText(column);
  const isWidened = found.stored?.kind === 'choice' && column.kind === 'text';
  if (!isWidened && (before !== now || found.sqlType !== column.sqlType[dialect])) {
    return [
      { fault: `${where} was ${before} and is declared as ${now}. Keep it, and declare a new column.` },
    ];
  }
  if (found.optional !== column.optional) return [nullability(where, found.optional)];
  const { stored } = found;
  if (!stored) return [];
  if (isWidened) return [{ change: `${where} takes any text; it was a choice.` }];
  return [
    ...length(where, stored, column),
    ...choices(where, stored, column),
    ...value(where, stored, column),
  ];
}

function nullability(where: string, wasOptional: boolean): Difference {
  return {
    fault: wasOptional
      ? `${where} was optional and is declared as required, but rows may hold null. Declare it with optional: true.`
      : `${where} was required and is declared as optional, but the database refuses null there. Declare it without optional.`,
  };
}

function length(where: string, { max }: DescribedColumn, { maxLength }: Column): Difference[] {
  if (max === undefined || maxLength === undefined || max === maxLength) return [];
  if (max < maxLength) {
    return [{ change: `${where} takes texts of up to ${maxLength} characters instead of ${max}.` }];
  }
  const fault = `${where} took texts of up to ${max} characters and is declared with ${maxLength}, but rows may hold longer ones. Declare it with max: ${max} or more.`;
  return [{ fault }];
}

function choices(
  where: string,
  { values: before = [] }: DescribedColumn,
  { values = [] }: Column,
): Difference[] {
  const gone = before.filter((choice) => !values.includes(choice));
  if (gone.length > 0) {
    return [{ fault: `${where} can no longer be ${list(gone)}, but rows may hold that. Keep these values.` }];
  }
  const added = values.filter((choice) => !before.includes(choice));
  return added.length > 0 ? [{ change: `${where} can also be ${list(added)}.` }] : [];
}

function value(where: string, { default: before }: DescribedColumn, { defaultValue }: Column): Difference[] {
  if (before === defaultValue) return [];
  return [{ change: `${where} starts as ${show(defaultValue)} in new rows, instead of ${show(before)}.` }];
}

/** A kind in words. Times are stored and sent like other whole numbers. */
function kindText({ kind, references }: { kind: Column['kind']; references?: string }): string {
  if (references !== undefined) return `${kind}('${references}')`;
  return kind === 'timestamp' ? 'integer' : kind;
}

/**
 * The kind of a column in the database. Without a stored declaration it is the declared one, unless the column's type or
 * its index contradicts that.
 */
function kindBefore({ stored, sqlType, isParent }: FoundColumn, declared: Column): string {
  if (stored) return kindText(stored);
  const kind = { bigint: 'integer', 'double precision': 'real' }[sqlType] ?? sqlType;
  if (declared.isParent !== isParent) return isParent ? 'a ref' : `no ref, but ${kind}`;
  return Object.values(declared.sqlType).includes(sqlType) ? kindText(declared) : kind;
}
