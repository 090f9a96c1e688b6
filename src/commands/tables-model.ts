import { basename } from 'node:path';
import { AppStartError } from '../foundation/errors/app-start-error.js';
import type { Schema } from '../protocol/schema.js';
import { watermelonModule } from './watermelon-module.js';
import { TIMES } from './watermelon-names.js';

/**
 * Prints the TypeScript module with which an app's WatermelonDB stores the declared tables.
 * @param file the declaration's path
 * @throws AppStartError with one line for each column that WatermelonDB does not allow
 */
export function printModels(schema: Schema, file: string): string {
  const faults = Object.entries(schema.tables).flatMap(([table, { columns }]) =>
    [...TIMES.keys()].flatMap((name) => {
      const column = Object.hasOwn(columns, name) ? columns[name] : undefined;
      if (!column || (column.type === 'number' && !column.optional)) return [];
      return [
        `${file}: Column "${table}.${name}": WatermelonDB sets it to the time itself, so it must be timestamp().`,
      ];
    }),
  );
  if (faults.length > 0) throw new AppStartError(faults.join('\n'));
  return watermelonModule(schema, basename(file));
}
