import { Global, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { schema as defaultSchema } from '../../protocol/tables.js';
import type { Schema } from '../../protocol/schema.js';
import { DiskSpace } from '../files/disk-space.js';
import { Database } from './database.js';

/** Injection token of the declared records. */
export const SCHEMA = Symbol('schema');

/** Makes the one open database, its disk, and the schema it was opened with, available everywhere. */
@Global()
@Module({})
export class DatabaseModule implements OnApplicationShutdown {
  constructor(private readonly database: Database) {}

  /** For the module list: the open database and its schema. */
  static with(database: Database, schema: Schema = defaultSchema): DynamicModule {
    const providers = [
      { provide: Database, useValue: database },
      { provide: SCHEMA, useValue: schema },
      { provide: DiskSpace, useValue: database.disk },
    ];
    return { module: DatabaseModule, providers, exports: providers };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.database.close();
  }
}
