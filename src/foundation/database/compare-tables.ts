import type { Dialect } from '../../protocol/columns.js';
import { sinceOf, type Schema, type Table } from '../../protocol/schema.js';
import { AppStartError } from '../errors/app-start-error.js';
import { compareColumn, show, type Difference } from './compare-columns.js';
import { recordIndexes } from './entities.js';
import type { FoundTable, FoundTables } from './found-tables.js';
import { checkRecordNames, type ServerTables } from './server-tables.js';

/** What starting a server with a declaration does to a database, one sentence each. */
export interface Comparison {
  /** Why the server refuses to start; it then changes nothing. */
  faults: string[];
  /** What the start changes. */
  changes: string[];
}

/**
 * Compares a declaration with a database, for the server's start and for `tidemark tables check`. A declaration may add
 * tables and columns with a later schema version, and allow more values; every other difference is a fault.
 */
export function compareTables(
  dialect: Dialect,
  found: FoundTables,
  schema: Schema,
  server: ServerTables,
): Comparison {
  try {
    checkRecordNames(schema, server);
  } catch (error) {
    if (error instanceof AppStartError) return { faults: [error.message], changes: [] };
    throw error;
  }
  const differences = [
    ...(isOfOthers(found, schema) ? [madeWithOthers(found, schema)] : allTables(dialect, found, schema)),
    ...serverMigrations(found, server),
  ];
  return {
    faults: differences.flatMap((difference) => ('fault' in difference ? [difference.fault] : [])),
    changes: differences.flatMap((difference) => ('change' in difference ? [difference.change] : [])),
  };
}

function isOfOthers({ tables }: FoundTables, schema: Schema): boolean {
  return tables.size > 0 && !Object.keys(schema.tables).some((name) => tables.has(name));
}

function madeWithOthers({ tables }: FoundTables, schema: Schema): Difference {
  return {
    fault:
      `The database was made with other tables (${[...tables.keys()].join(', ')}) and has no ` +
      `${Object.keys(schema.tables).join(', ')}. Use another database (--data-dir, --database-url).`,
  };
}

function allTables(dialect: Dialect, found: FoundTables, schema: Schema): Difference[] {
  const differences: Difference[] = [];
  if (schema.version < found.version) {
    differences.push({
      fault:
        `The database is at schema version ${found.version}, which it got from later tables; ` +
        `these tables are at version ${schema.version}.`,
    });
  }
  for (const name of found.tables.keys()) {
    if (!Object.hasOwn(schema.tables, name)) differences.push({ fault: takenAway(`Table "${name}"`) });
  }
  for (const [name, table] of Object.entries(schema.tables)) {
    const there = found.tables.get(name);
    differences.push(
      ...(there ? compareTable(dialect, name, there, table, found) : addTable(name, table, found)),
    );
  }
  return differences;
}

function takenAway(where: string): string {
  return `${where} is in the database, but no longer declared: devices could not sync what is in it. Declare it as before.`;
}

function notNew(name: string, version: number): Difference {
  return {
    fault:
      `The database has no ${name}, although it is at schema version ${version}. ` +
      `Declare what is new with the next version, since: ${version + 1}.`,
  };
}

function moved(where: string, before: number, now: number): Difference {
  return {
    fault:
      `${where} has been there since schema version ${before}, and is declared with ${now}. ` +
      `Apps rely on that; declare it with since: ${before}.`,
  };
}

function addTable(name: string, table: Table, { version, names }: FoundTables): Difference[] {
  if (table.since <= version) return [notNew(name, version)];
  const taken = [name, ...recordIndexes(name, table).map((index) => index.name)].find((each) =>
    names.has(each),
  );
  if (taken === undefined) {
    return [{ change: `Table "${name}" is added: ${Object.keys(table.columns).join(', ')}.` }];
  }
  const fault = `Table "${name}" cannot be added: the database has something else called "${taken}". Declare it under another name.`;
  return [{ fault }];
}

function compareTable(
  dialect: Dialect,
  name: string,
  found: FoundTable,
  table: Table,
  { version, names }: FoundTables,
): Difference[] {
  const differences: Difference[] = [];
  const since = found.stored?.since ?? Math.min(table.since, version);
  if (since !== table.since) differences.push(moved(`Table "${name}"`, since, table.since));
  for (const [columnName, column] of Object.entries(table.columns)) {
    const where = `Column "${name}.${columnName}"`;
    const there = found.columns.get(columnName);
    const declaredSince = sinceOf(table, column);
    if (there) {
      differences.push(...compareColumn(dialect, where, there, column));
      const before = there.stored?.since ?? Math.min(declaredSince, version);
      // A column without a version of its own moves with its table.
      if (before !== declaredSince && since === table.since) {
        differences.push(moved(where, before, declaredSince));
      }
    } else if (declaredSince <= version) {
      differences.push(notNew(`${name}.${columnName}`, version));
    } else if (column.isParent && names.has(`${name}_by_${columnName}`)) {
      const fault = `${where} cannot be added: the database has something else called "${name}_by_${columnName}". Declare it under another name.`;
      differences.push({ fault });
    } else {
      const value = column.isParent ? 'no parent' : show(column.optional ? null : column.defaultValue);
      differences.push({ change: `${where} is added; existing rows get ${value}.` });
    }
  }
  for (const [columnName, column] of found.columns) {
    // Operators may have added columns of their own.
    const isOurs = !found.stored || column.stored !== undefined;
    if (isOurs && !Object.hasOwn(table.columns, columnName)) {
      differences.push({ fault: takenAway(`Column "${name}.${columnName}"`) });
    }
  }
  return differences;
}

function serverMigrations({ migrations }: FoundTables, server: ServerTables): Difference[] {
  const isPending = server.migrations.some(({ name }) => !migrations.has(name));
  if (migrations.size === 0 || !isPending) return [];
  return [{ change: "The server's own tables are brought up to date." }];
}
