import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/foundation/config/config.js';
import type { Schema } from '../../src/protocol/schema.js';
import { TestDevice } from './device.js';
import { OPERATOR_TOKEN } from './operator.js';
import { OpenApiCheck } from './openapi-check.js';
import { createStorage, type DatabaseName, type Storage } from './storage.js';
import { workerCache } from './worker-cache.js';

export type { DatabaseName, Storage } from './storage.js';

const databases: DatabaseName[] = ['sqlite', 'postgres'];

/** Declares the same tests once for every database. */
export function forEachDatabase(define: (database: DatabaseName) => void): void {
  describe.each(databases)('on %s', define);
}

/** What differs from a server with default settings. */
export interface AppOptions {
  schema?: Schema;
  /** The server's clock, epoch milliseconds. */
  now?: () => number;
  /** How long PostgreSQL may take to answer. */
  answerTimeoutMs?: number;
  /** Options by their environment names. */
  env?: Record<string, string>;
  /** The data to run on, such as an earlier app's. Default: an empty database of its own. */
  storage?: Storage;
}

/** A server inside the test process, on a free port; every answer is checked against its OpenAPI document. */
export class TestApp implements AsyncDisposable {
  private isRunning = true;

  constructor(
    readonly url: string,
    readonly storage: Storage,
    readonly nest: NestFastifyApplication,
    private readonly check: OpenApiCheck,
  ) {}

  /** Registers a device on a new account. */
  newDevice(): Promise<TestDevice> {
    return TestDevice.register(this.url);
  }

  /**
   * Stops the server and keeps its data for the next one.
   * @throws Error when a response did not match the OpenAPI document
   */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.isRunning = false;
    release(this.storage);
    await this.nest.close();
    this.check.assertAllDescribed();
  }

  /** Stops the server, and removes its data unless the test made the storage or another app still runs on it. */
  async close(): Promise<void> {
    try {
      await this.stop();
    } finally {
      await disposeUnused(this.storage);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** How many apps run on each storage that `startApp` made and must dispose of. */
const runningApps = new Map<Storage, number>();

function retain(storage: Storage): void {
  const running = runningApps.get(storage);
  if (running !== undefined) runningApps.set(storage, running + 1);
}

function release(storage: Storage): void {
  const running = runningApps.get(storage);
  if (running !== undefined) runningApps.set(storage, running - 1);
}

async function disposeUnused(storage: Storage): Promise<void> {
  if (runningApps.get(storage) !== 0) return;
  runningApps.delete(storage);
  await storage.dispose();
}

/** Starts a server on the given database and waits until it listens. */
export async function startApp(database: DatabaseName, options: AppOptions = {}): Promise<TestApp> {
  const storage = options.storage ?? (await createStorage(database));
  if (!options.storage) runningApps.set(storage, 0);
  retain(storage);
  try {
    const config = loadConfig({
      argv: [],
      env: {
        HOST: '127.0.0.1',
        PORT: '0',
        LOG_LEVEL: 'silent',
        OPERATOR_TOKEN,
        MAX_ACCOUNTS_PER_ADDRESS_PER_HOUR: '1000000',
        ...storage.env,
        ...options.env,
      },
    });
    const { schema, now, answerTimeoutMs } = options;
    const nest = await createApp(config, { schema, now, answerTimeoutMs });
    await nest.listen(0, '127.0.0.1');
    const server = nest.getHttpServer() as Server;
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const check = new OpenApiCheck(await describeApi(url, options));
    check.watch(server);
    return new TestApp(url, storage, nest, check);
  } catch (error) {
    release(storage);
    await disposeUnused(storage);
    throw error;
  }
}

/** A server's OpenAPI document; servers with the same prefix and tables share one. */
async function describeApi(url: string, { schema, env }: AppOptions): Promise<string> {
  const key = `OpenAPI document below ${env?.API_PREFIX ?? 'the default prefix'} with ${env?.TABLES ?? 'the default tables'}`;
  const known = schema === undefined && workerCache.get(key);
  if (typeof known === 'string') return known;
  const text = await (await fetch(`${url}/openapi.json`)).text();
  if (schema === undefined) workerCache.set(key, text);
  return text;
}
