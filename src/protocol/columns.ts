import {
  checkBoolean,
  checkInteger,
  checkMax,
  checkReal,
  checkSince,
  checkText,
  optionFaults,
  show,
} from './column-options.js';

/** A value of a record's column; `null` only in optional columns. */
export type ColumnValue = string | number | boolean | null;

/** The two databases Tidemark runs on. */
export type Dialect = 'sqlite' | 'postgres';

/** The function that declares a column. */
export type ColumnKind =
  'text' | 'integer' | 'timestamp' | 'real' | 'boolean' | 'choice' | 'ref' | 'optionalRef';

/**
 * One column of a synced table: its SQL type, JSON projection, coercion and limits. Migrations, sanitising, OpenAPI and
 * the client's schema are derived from it.
 */
export interface Column<V extends ColumnValue = ColumnValue> {
  readonly kind: ColumnKind;
  /** What is wrong with the options it was declared with; absent: nothing. */
  readonly faults?: readonly string[];
  /** The column's type in WatermelonDB. */
  readonly type: 'string' | 'number' | 'boolean';
  /** Whether the column may hold null. */
  readonly optional: boolean;
  /** The schema version that added the column; absent: the version that added its table. */
  readonly since?: number;
  readonly sqlType: Readonly<Record<Dialect, string>>;
  /** What WatermelonDB stores for a missing value: null, '', 0 or false. */
  readonly emptyValue: V;
  /** The value of the column in a new row that was pushed without it. */
  readonly defaultValue: V;
  /** The longest text, in UTF-16 units; rows with longer texts are refused. Absent: not a text column. */
  readonly maxLength?: number;
  /** The only texts that the column may hold. Absent: any text. */
  readonly values?: readonly string[];
  /** The table whose rows this column points to. Absent: not a reference. */
  readonly references?: string;
  /** Whether the referenced row is this row's parent, so that deleting it deletes this row too. */
  readonly isParent: boolean;
  /** JSON Schema (2020-12) of the column on the wire. */
  readonly jsonSchema: Readonly<Record<string, unknown>>;
  /**
   * Converts any JSON value into a valid value of the column, as WatermelonDB's `sanitizedRaw` does.
   * @returns undefined when the value is not among `values`: the stored value then stays
   */
  coerce(value: unknown): V | undefined;
  /**
   * The SQL expression for the column's JSON value, given the quoted column name. On SQLite it is an argument of
   * `json_object`; on PostgreSQL it is JSON text, with `'null'` for NULL.
   */
  project(dialect: Dialect, name: string): string;
}

interface CommonOptions {
  since?: number;
}
interface OptionalOptions extends CommonOptions {
  optional: true;
}
type Optional<O, V> = O extends OptionalOptions ? V | null : V;

/** PostgreSQL's expression for a JSON text; `sql` gives the text of a value that is not NULL. */
function jsonText(sql: string, optional: boolean): string {
  return optional ? `coalesce(${sql}, 'null')` : sql;
}

/** Removes NUL and turns lone surrogates into U+FFFD: the databases cannot store them, or compare them differently. */
export function cleanText(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

function nullable(schema: Record<string, unknown>, optional: boolean): Record<string, unknown> {
  return optional ? { ...schema, type: [schema.type, 'null'] } : schema;
}

function stringColumn(options: {
  kind: ColumnKind;
  faults?: readonly string[];
  optional: boolean;
  since?: number;
  maxLength?: number;
  defaultValue?: string | null;
  references?: string;
  isParent?: boolean;
}): Column<string | null> {
  const { kind, faults, optional, since, maxLength, references } = options;
  const empty = optional ? null : '';
  return {
    kind,
    faults,
    type: 'string',
    optional,
    since,
    sqlType: { sqlite: 'text', postgres: 'text' },
    emptyValue: empty,
    defaultValue: options.defaultValue ?? empty,
    maxLength,
    references,
    isParent: options.isParent ?? false,
    jsonSchema: nullable({ type: 'string', maxLength }, optional),
    coerce: (value) => (typeof value === 'string' ? cleanText(value) : empty),
    project: (dialect, name) => (dialect === 'sqlite' ? name : jsonText(`to_json(${name})::text`, optional)),
  };
}

function numberColumn(options: {
  kind: ColumnKind;
  faults?: readonly string[];
  optional: boolean;
  since?: number;
  defaultValue?: number | null;
}): Column<number | null> {
  const { kind, faults, optional, since } = options;
  const integer = kind !== 'real';
  const empty = optional ? null : 0;
  return {
    kind,
    faults,
    type: 'number',
    optional,
    since,
    sqlType: integer
      ? { sqlite: 'integer', postgres: 'bigint' }
      : { sqlite: 'real', postgres: 'double precision' },
    emptyValue: empty,
    defaultValue: options.defaultValue ?? empty,
    isParent: false,
    jsonSchema: nullable({ type: integer ? 'integer' : 'number' }, optional),
    coerce: (value) => {
      if (typeof value !== 'number' || !Number.isFinite(value)) return empty;
      if (!integer) return value || 0;
      const clamped = Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
      return Math.trunc(clamped) || 0;
    },
    project: (dialect, name) => {
      if (dialect === 'postgres') return jsonText(`${name}::text`, optional);
      if (integer) return name;
      // By default SQLite writes a REAL into JSON with 15 digits; every double needs 17 to come back unchanged.
      return `CASE WHEN ${name} IS NULL THEN NULL ELSE json(printf('%!.17g', ${name})) END`;
    },
  };
}

/** The options of every kind. */
const common = { since: checkSince };
const valued = { ...common, optional: checkBoolean };

/** Free text of at most `max` UTF-16 units (default 1,000). */
export function text<const O extends CommonOptions & { max?: number; optional?: true; default?: string }>(
  options?: O,
): Column<Optional<O, string>> {
  const { max = 1_000, optional = false, since, default: defaultValue } = options ?? {};
  const checkDefault = (value: unknown) =>
    checkText(value) ?? ((value as string).length > max ? `at most ${max} characters long` : undefined);
  const faults = optionFaults(options, { max: checkMax, ...valued, default: checkDefault });
  const column = stringColumn({ kind: 'text', faults, optional, since, maxLength: max, defaultValue });
  return column as Column<Optional<O, string>>;
}

/** A whole number within ±(2^53−1); fractions are truncated, larger values clamped. */
export function integer<const O extends CommonOptions & { optional?: true; default?: number }>(
  options?: O,
): Column<Optional<O, number>> {
  const { optional = false, since, default: defaultValue } = options ?? {};
  const faults = optionFaults(options, { ...valued, default: checkInteger });
  const column = numberColumn({ kind: 'integer', faults, optional, since, defaultValue });
  return column as Column<Optional<O, number>>;
}

/** A point in time, in epoch milliseconds. */
export function timestamp<const O extends CommonOptions & { optional?: true }>(
  options?: O,
): Column<Optional<O, number>> {
  const { optional = false, since } = options ?? {};
  const faults = optionFaults(options, valued);
  return numberColumn({ kind: 'timestamp', faults, optional, since }) as Column<Optional<O, number>>;
}

/** Any finite double. */
export function real<const O extends CommonOptions & { optional?: true; default?: number }>(
  options?: O,
): Column<Optional<O, number>> {
  const { optional = false, since, default: defaultValue } = options ?? {};
  const faults = optionFaults(options, { ...valued, default: checkReal });
  const column = numberColumn({ kind: 'real', faults, optional, since, defaultValue });
  return column as Column<Optional<O, number>>;
}

/** true or false; pushed as 1 and 0 they are accepted too. */
export function boolean<const O extends CommonOptions & { optional?: true; default?: boolean }>(
  options?: O,
): Column<Optional<O, boolean>> {
  const { optional = false, since, default: defaultValue } = options ?? {};
  const empty = optional ? null : false;
  const column: Column<boolean | null> = {
    kind: 'boolean',
    faults: optionFaults(options, { ...valued, default: checkBoolean }),
    type: 'boolean',
    optional,
    since,
    sqlType: { sqlite: 'boolean', postgres: 'boolean' },
    emptyValue: empty,
    defaultValue: defaultValue ?? empty,
    isParent: false,
    jsonSchema: nullable({ type: 'boolean' }, optional),
    coerce: (value) => {
      if (typeof value === 'boolean') return value;
      return value === 1 || value === 0 ? value === 1 : empty;
    },
    project: (dialect, name) =>
      dialect === 'postgres'
        ? jsonText(`${name}::text`, optional)
        : `CASE ${name} WHEN 1 THEN json('true') WHEN 0 THEN json('false') END`,
  };
  return column as Column<Optional<O, boolean>>;
}

/** A text from a closed set. Any other value leaves the stored one; a new row takes the default. */
export function choice<const V extends string>(
  values: readonly V[],
  options: CommonOptions & { default: NoInfer<V> },
): Column<V> {
  const { since, default: defaultValue } = (options as Partial<typeof options> | undefined) ?? {};
  const column = stringColumn({
    kind: 'choice',
    faults: choiceFaults(values, options),
    optional: false,
    since,
    defaultValue,
  });
  return {
    ...column,
    values,
    jsonSchema: { type: 'string', enum: values },
    coerce: (value: unknown) => values.find((candidate) => candidate === value),
  } as unknown as Column<V>;
}

function choiceFaults(values: unknown, options: unknown): readonly string[] | undefined {
  const isList =
    Array.isArray(values) &&
    values.length > 0 &&
    values.every((value) => checkText(value) === undefined) &&
    new Set(values).size === values.length;
  if (!isList) return [`its values must be a list of different texts, not ${show(values)}`];
  const checkDefault = (value: unknown) =>
    values.includes(value) ? undefined : `one of ${values.map(show).join(', ')}`;
  // Also complains about a default that is left out.
  const given = typeof options === 'object' ? { default: null, ...options } : (options ?? { default: null });
  return optionFaults(given, { ...common, default: checkDefault });
}

/** The id of this row's parent; deleting the parent deletes this row. */
export function ref(table: string, options: CommonOptions = {}): Column<string> {
  return stringColumn({
    kind: 'ref',
    faults: referenceFaults(table, options),
    optional: false,
    since: options?.since,
    maxLength: 64,
    references: table,
    isParent: true,
  }) as Column<string>;
}

/** The id of another row, or null; deleting that row leaves this one alone. */
export function optionalRef(table: string, options: CommonOptions = {}): Column<string | null> {
  const faults = referenceFaults(table, options);
  const { since } = options ?? {};
  return stringColumn({
    kind: 'optionalRef',
    faults,
    optional: true,
    since,
    maxLength: 64,
    references: table,
  });
}

function referenceFaults(table: unknown, options: unknown): readonly string[] | undefined {
  if (typeof table !== 'string') return [`it must name the table that it refers to, not ${show(table)}`];
  return optionFaults(options, common);
}
