import type { AppSchema, ColumnSchema } from '@nozbe/watermelondb';
import type { ColumnKind } from '../../../src/protocol/columns.js';
import type { DescribedColumn, DescribedTable } from '../../../src/protocol/described-tables.js';
import type { Adjustment } from '../../../src/protocol/sync.js';
import type { Api } from '../api/api.js';

/** The part of `GET /sync/meta` that is read here. */
interface Meta {
  /** Absent: the server is older than this check. */
  declaration?: Readonly<Record<string, DescribedTable>>;
}

const TYPES: Record<ColumnKind, ColumnSchema['type']> = {
  text: 'string',
  choice: 'string',
  ref: 'string',
  optionalRef: 'string',
  integer: 'number',
  timestamp: 'number',
  real: 'number',
  boolean: 'boolean',
};

/** What the server would not store as the app has it, one sentence each. */
export function mismatches(
  schema: AppSchema,
  declaration: Readonly<Record<string, DescribedTable>>,
): string[] {
  return Object.values(schema.tables).flatMap((table) => {
    const declared = Object.hasOwn(declaration, table.name) ? declaration[table.name]! : undefined;
    if (!declared) return [`Table "${table.name}": the server does not declare it and refuses its records.`];
    const { columns } = declared;
    return table.columnArray.flatMap((column) => {
      const onServer = Object.hasOwn(columns, column.name) ? columns[column.name] : undefined;
      const fault = mismatch(column, onServer, schema.version);
      return fault === undefined ? [] : [`Column "${table.name}.${column.name}": ${fault}`];
    });
  });
}

function mismatch(
  column: ColumnSchema,
  declared: DescribedColumn | undefined,
  version: number,
): string | undefined {
  if (!declared) return 'the server does not declare it and drops its values.';
  if (declared.since > version) {
    return `the server declares it from schema version ${declared.since} on, and this app has version ${version}: no pull brings its values.`;
  }
  if (TYPES[declared.kind] !== column.type) {
    return `it is a ${column.type} here and ${declared.kind} on the server, which stores an empty value instead.`;
  }
  if (column.isOptional && !declared.optional) {
    return 'it may be null here but not on the server, which stores an empty value or the default instead.';
  }
  return undefined;
}

/** Warns the developer, on the console, of columns and values that the server does not store as the app has them. */
export class DeclarationCheck {
  private isDone = false;
  private readonly told = new Set<string>();

  constructor(
    private readonly schema: AppSchema,
    private readonly api: Api,
  ) {}

  /** Compares the app's tables with the server's declaration, once; after a failure the next call tries again. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.isDone) return;
    this.isDone = true;
    try {
      const { declaration } = await this.api.request<Meta>('GET', '/sync/meta', { signal });
      for (const sentence of declaration ? mismatches(this.schema, declaration) : []) this.warn(sentence);
    } catch {
      this.isDone = false; // only the advice is missing
    }
  }

  /** Warns of pushed values that the server stored otherwise, once for each column. */
  tellAdjusted(adjusted: readonly Adjustment[]): void {
    for (const { table, column, reason } of adjusted) {
      this.warn(
        `Column "${table}.${column}": the server could not store a value as it was pushed (${reason}).`,
      );
    }
  }

  private warn(sentence: string): void {
    if (this.told.has(sentence)) return;
    this.told.add(sentence);
    console.warn(`Tidemark: ${sentence}`);
  }
}
