import 'reflect-metadata';
import { createSecretKey } from 'node:crypto';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import pg from 'pg';
import { DataSource } from 'typeorm';
import { entities } from '../../src/foundation/database/entities.js';
import { sqliteFile } from '../../src/foundation/database/open.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { SyncController } from './sync.controller.js';
import { SECRET, SyncService } from './sync.service.js';

const BODY_BYTES = 64 * 2 ** 20;

/**
 * The naive baseline: a backend that takes a day to write. It has Tidemark's framework, drivers, tables and indexes (it runs
 * on a database that Tidemark has migrated), but reads entities by `find` and writes them by `save`.
 */
export async function createNaiveApp(env: NodeJS.ProcessEnv): Promise<NestFastifyApplication> {
  const dataSource = await connect(env);
  const providers = [
    SyncService,
    { provide: DataSource, useValue: dataSource },
    { provide: SECRET, useValue: createSecretKey(Buffer.from(env.JWT_SECRET!)) },
  ];
  class NaiveModule {}
  Module({ controllers: [SyncController], providers })(NaiveModule);
  const app = await NestFactory.create<NestFastifyApplication>(
    NaiveModule,
    new FastifyAdapter({ bodyLimit: BODY_BYTES }),
    { logger: ['error', 'warn'] },
  );
  app.setGlobalPrefix('/api/v1');
  return app;
}

async function connect(env: NodeJS.ProcessEnv): Promise<DataSource> {
  const common = { logging: false } as const;
  if (env.DATABASE_URL) {
    // Needed by any app that stores milliseconds in bigint columns: pg reads them as text by default.
    pg.types.setTypeParser(pg.types.builtins.INT8, Number);
    return new DataSource({
      ...common,
      type: 'postgres',
      url: env.DATABASE_URL,
      entities: entities('postgres', schema, serverTables),
      extra: { max: 16 },
    }).initialize();
  }
  const dataSource = new DataSource({
    ...common,
    type: 'better-sqlite3',
    database: sqliteFile(env.DATA_DIR!),
    entities: entities('sqlite', schema, serverTables),
    enableWAL: true,
  });
  await dataSource.initialize();
  await dataSource.query('PRAGMA synchronous = FULL');
  return dataSource;
}
