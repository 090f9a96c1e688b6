import type { Column, ColumnKind } from '../protocol/columns.js';
import { columnsAt, parentsOf, sinceOf, tablesAt, type Schema, type Table } from '../protocol/schema.js';
import {
  Call,
  Fields,
  numeral,
  print,
  printImport,
  printProperty,
  quote,
  type Source,
} from './source-text.js';
import { classNames, propertyNames } from './watermelon-names.js';

const PACKAGE = '@nozbe/watermelondb';

/** The decorator of a column's property, by its kind. */
const DECORATORS: Record<ColumnKind, string> = {
  text: 'text',
  timestamp: 'date',
  integer: 'field',
  real: 'field',
  boolean: 'field',
  choice: 'field',
  ref: 'field',
  optionalRef: 'field',
};

/** The relation of one table to another; a model has at most one to each. */
type Association = { type: 'has_many'; foreignKey: string } | { type: 'belongs_to'; key: string };

/**
 * Prints the module with WatermelonDB's schema, migrations and model classes for a declaration.
 * @param origin the name of the declaration's file, for the first line
 * @returns the text without its last line feed
 */
export function watermelonModule(schema: Schema, origin: string): string {
  const classes = classNames(schema);
  const hasDefaults = Object.values(schema.tables).some((table) => defaultsOf(table).length > 0);
  const base = hasDefaults ? 'DeclaredModel' : 'Model';
  const models = Object.entries(schema.tables).map(([name, table]) =>
    printModel(schema, name, table, classes, base),
  );
  const parts = [
    `// Made by "npx tidemark tables model ${origin}" from schema version ${schema.version}. Change the tables there, and make this file again.
${printImports(schema, models.join('\n'), hasDefaults)}`,
    `${print(appSchemaOf(schema), 'export const schema = ')};`,
    `${print(migrationsOf(schema), 'export const migrations = ')};`,
    ...(hasDefaults ? [DECLARED_MODEL] : []),
    ...models,
    `${print([...classes.values()], 'export const modelClasses = ')};`,
    `/** The columns by which a row belongs to another: deleting that one deletes the row too. */
export const parents: Readonly<
  Record<string, Readonly<Record<string, string>>>
${print(parentsSource(schema), '> = ')};`,
    GUARD,
  ];
  return parts.join('\n\n');
}

const DECLARED_MODEL = `/** A new record starts with the declared defaults. */
class DeclaredModel extends Model {
  static defaults: Readonly<Record<string, string | number | boolean>> = {};

  static override _prepareCreate(
    collection: Collection<Model>,
    build: (record: Model) => void,
  ): Model {
    return super._prepareCreate(collection, (record) => {
      for (const [column, value] of Object.entries(this.defaults)) {
        record._setRaw(column, value);
      }
      build(record);
    });
  }
}`;

/** A check for the compiler option that makes the decorated properties plain ones. */
const GUARD = `// Class fields as ECMAScript has them hide the columns: every record would look empty.
for (const ModelClass of modelClasses) {
  const own = Object.keys(new ModelClass(null as never, null as never));
  if (own.some((key) => key in ModelClass.prototype)) {
    throw new Error(
      'This module needs "useDefineForClassFields": false in tsconfig.json.',
    );
  }
}`;

function printImports({ version }: Schema, models: string, hasDefaults: boolean): string {
  const decorators = ['children', 'date', 'field', 'relation', 'text'].filter((name) =>
    models.includes(`@${name}(`),
  );
  const types = [
    ...(hasDefaults ? ['Collection'] : []),
    ...['Query', 'Relation'].filter((name) => models.includes(`!: ${name}<`)),
  ];
  const steps = version > 1 ? ['addColumns', 'createTable'] : [];
  return [
    printImport(['Model', 'appSchema', 'tableSchema', ...types.map((name) => `type ${name}`)], PACKAGE),
    printImport([...steps, 'schemaMigrations'], `${PACKAGE}/Schema/migrations/index.js`),
    printImport(decorators, `${PACKAGE}/decorators/index.js`),
  ].join('\n');
}

function columnSource([name, column]: [name: string, column: Column]): Fields {
  return new Fields([
    ['name', quote(name)],
    ['type', quote(column.type)],
    ...(column.optional ? ([['isOptional', 'true']] as [string, Source][]) : []),
    ...(column.references === undefined ? [] : ([['isIndexed', 'true']] as [string, Source][])),
  ]);
}

function expanded(fields: Record<string, Source>): Fields {
  return new Fields(Object.entries(fields), true);
}

function appSchemaOf(schema: Schema): Source {
  const tables = Object.entries(schema.tables).map(
    ([name, table]) =>
      new Call(
        'tableSchema',
        expanded({ name: quote(name), columns: Object.entries(table.columns).map(columnSource) }),
      ),
  );
  return new Call('appSchema', expanded({ version: String(schema.version), tables }));
}

function migrationsOf(schema: Schema): Source {
  const versions = Array.from({ length: schema.version - 1 }, (_, index) => index + 2);
  const migrations = versions.map((version) =>
    expanded({ toVersion: String(version), steps: stepsTo(schema, version) }),
  );
  return new Call('schemaMigrations', expanded({ migrations }));
}

function stepsTo(schema: Schema, version: number): Source[] {
  return tablesAt(schema, version).flatMap(([name, table]): Source[] => {
    const added = columnsAt(table, version).filter(([, column]) => sinceOf(table, column) === version);
    if (added.length === 0) return [];
    const columns = added.map(columnSource);
    return table.since === version
      ? [new Call('createTable', expanded({ name: quote(name), columns }))]
      : [new Call('addColumns', expanded({ table: quote(name), columns }))];
  });
}

function printModel(
  schema: Schema,
  name: string,
  table: Table,
  classes: Map<string, string>,
  base: string,
): string {
  const associations = associationsOf(schema, name);
  const children = [...associations].filter(([, { type }]) => type === 'has_many').map(([other]) => other);
  const columns = Object.entries(table.columns);
  const names = propertyNames(columns, children);
  const defaults = defaultsOf(table);
  const statics = [
    `  static override table = ${quote(name)};`,
    ...(associations.size > 0
      ? [`${print(associationsSource(associations), '  static override associations = ')} as const;`]
      : []),
    ...(defaults.length > 0 ? [`${print(new Fields(defaults), '  static override defaults = ')};`] : []),
  ];
  const groups = [
    columns.map(([column, declared]) =>
      printProperty(
        DECORATORS[declared.kind],
        [quote(column)],
        names.columns.get(column)!,
        typesOf(declared),
      ),
    ),
    [...names.relations].map(([column, property]) => {
      const target = table.columns[column]!.references!;
      return printProperty('relation', [quote(target), quote(column)], property, [
        `Relation<${classes.get(target)}>`,
      ]);
    }),
    [...names.children].map(([other, property]) =>
      printProperty('children', [quote(other)], property, [`Query<${classes.get(other)}>`]),
    ),
  ];
  const body = [statics, ...groups].filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `export class ${classes.get(name)} extends ${base} {\n${body.join('\n\n')}\n}`;
}

function typesOf({ kind, type, values, optional }: Column): string[] {
  const types = values?.map(quote) ?? [kind === 'timestamp' ? 'Date' : type];
  return optional ? [...types, 'null'] : types;
}

/** The columns whose new rows start with something else than an empty value. */
function defaultsOf(table: Table): [column: string, value: string][] {
  return Object.entries(table.columns).flatMap(([name, { defaultValue, emptyValue }]) => {
    if (defaultValue === emptyValue || defaultValue === null) return [];
    if (typeof defaultValue === 'string') return [[name, quote(defaultValue)]];
    return [[name, typeof defaultValue === 'number' ? numeral(defaultValue) : String(defaultValue)]];
  });
}

/** A table's children and parents. To a table that is both it is the parent; of several references the first counts. */
function associationsOf({ tables }: Schema, name: string): Map<string, Association> {
  const associations = new Map<string, Association>();
  for (const [other, table] of Object.entries(tables)) {
    const key = Object.keys(table.columns).find((column) => {
      const { isParent, references } = table.columns[column]!;
      return isParent && references === name;
    });
    if (key !== undefined) associations.set(other, { type: 'has_many', foreignKey: key });
  }
  for (const [key, { isParent, references }] of Object.entries(tables[name]!.columns)) {
    if (isParent && !associations.has(references!))
      associations.set(references!, { type: 'belongs_to', key });
  }
  return associations;
}

function associationsSource(associations: Map<string, Association>): Fields {
  const entries = [...associations].map(([other, association]): [string, Source] => [
    other,
    new Fields(Object.entries(association).map(([key, value]) => [key, quote(value)])),
  ]);
  return new Fields(entries, true);
}

function parentsSource(schema: Schema): Fields {
  const entries = Object.entries(parentsOf(schema)).flatMap(([name, parents]): [string, Source][] => {
    const fields = Object.entries(parents).map(([column, parent]): [string, Source] => [
      column,
      quote(parent),
    ]);
    return fields.length > 0 ? [[name, new Fields(fields)]] : [];
  });
  return new Fields(entries, true);
}
