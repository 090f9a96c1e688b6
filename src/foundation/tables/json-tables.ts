import {
  boolean,
  choice,
  integer,
  optionalRef,
  real,
  ref,
  text,
  timestamp,
  type Column,
  type ColumnKind,
} from '../../protocol/columns.js';
import { DeclarationError, declareSchema, type Schema, type Tables } from '../../protocol/schema.js';

type Fields = Record<string, unknown>;

/** How the fields of a column in JSON become the arguments of the function that declares its kind. */
const kinds: Record<ColumnKind, (fields: Fields) => Column> = {
  text: (options) => text(options),
  integer: (options) => integer(options),
  timestamp: (options) => timestamp(options),
  real: (options) => real(options),
  boolean: (options) => boolean(options),
  choice: ({ values, ...options }) => choice(values as string[], options as { default: string }),
  ref: ({ table, ...options }) => ref(table as string, options),
  optionalRef: ({ table, ...options }) => optionalRef(table as string, options),
};

/**
 * Declares tables that are written as JSON: `{ "habits": { "since": 1, "columns": { "name": { "kind": "text", "max": 200
 * } } } }`. A column has the name of its function as `kind` and that function's options beside it; `table` of a
 * reference and `values` of a choice are the first argument.
 * @param json as parsed
 * @throws DeclarationError with every fault
 */
export function declareJsonTables(json: unknown): Schema {
  const faults: string[] = [];
  const tables = mapFields(json, (table, tableName) => {
    if (!isFields(table)) return table;
    const columns = mapFields(table.columns, (column, name) =>
      declareColumn(`Column "${tableName}.${name}"`, column, faults),
    );
    return { ...table, columns };
  });
  try {
    const schema = declareSchema(tables as Tables);
    if (faults.length === 0) return schema;
  } catch (error) {
    if (!(error instanceof DeclarationError)) throw error;
    faults.push(...error.faults);
  }
  throw new DeclarationError(faults, isFields(json) ? Object.keys(json) : []);
}

function declareColumn(where: string, column: unknown, faults: string[]): unknown {
  if (!isFields(column)) return column;
  const { kind, ...fields } = column;
  if (typeof kind === 'string' && Object.hasOwn(kinds, kind)) return kinds[kind as ColumnKind](fields);
  faults.push(`${where}: kind must be one of ${Object.keys(kinds).join(', ')}, not ${JSON.stringify(kind)}.`);
  return text(); // stands in, so that this fault is reported once
}

function mapFields(value: unknown, map: (field: unknown, name: string) => unknown): unknown {
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, map(field, name)]));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
