import { AbstractLogger, MigrationExecutor, type DataSource, type DataSourceOptions } from 'typeorm';
import type { Dialect } from '../../protocol/columns.js';
import type { Schema } from '../../protocol/schema.js';
import { AppStartError } from '../errors/app-start-error.js';
import { compareTables } from './compare-tables.js';
import { entities } from './entities.js';
import { readTables, storeTables, type RunSql } from './found-tables.js';
import { migrations } from './migrations.js';
import { MIGRATIONS_TABLE, type ServerTables } from './server-tables.js';

/** The tables that a database is to have. */
export interface Declared {
  schema: Schema;
  server: ServerTables;
}

/** Writes nothing: without it, TypeORM prints a line about each migration that fails, beside the sentence that we do. */
class Silence extends AbstractLogger {
  protected writeLog(): void {}
}

/** TypeORM's options for these tables. */
export function ormOptions(dialect: Dialect, { schema, server }: Declared) {
  return {
    entities: entities(dialect, schema, server),
    migrations: migrations(dialect, schema, server),
    migrationsTableName: MIGRATIONS_TABLE,
    logger: new Silence(),
  } satisfies Partial<DataSourceOptions>;
}

/** Migrates to the declared tables. @throws AppStartError, one line a fault, when the database contradicts them */
export async function migrate(
  dataSource: DataSource,
  dialect: Dialect,
  run: RunSql,
  { schema, server }: Declared,
): Promise<void> {
  const found = await readTables(dialect, run, server);
  const { faults } = compareTables(dialect, found, schema, server);
  if (faults.length > 0) throw new AppStartError(faults.join('\n'));
  await runMigrations(dataSource);
  await storeTables(run, schema, found);
}

/** TypeORM's own runMigrations keeps its connection when it fails early, and closing the pool then waits for ever. */
async function runMigrations(dataSource: DataSource): Promise<void> {
  const runner = dataSource.createQueryRunner();
  try {
    await new MigrationExecutor(dataSource, runner).executePendingMigrations();
  } finally {
    await runner.release();
  }
}
