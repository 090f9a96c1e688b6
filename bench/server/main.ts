import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type * as app from '../../src/app.js';
import type * as appModule from '../../src/app.module.js';
import type * as config from '../../src/foundation/config/config.js';
import type * as eventBus from '../../src/foundation/events/event-bus.js';
import type * as locksService from '../../src/locks/locks.service.js';
import type * as uploadSchedule from '../../src/uploads/upload-schedule.js';
import type * as database from '../../src/foundation/database/database.js';
import { answerCalls } from '../lab/remote.js';
import { timedRequest, type Asked } from '../lab/http.js';
import { createNaiveApp } from '../naive/app.js';
import { ConstantController } from './constant.controller.js';
import type { LockJob } from '../raw/lock-pairs.js';
import { paced, type Broadcasts } from '../sockets/broadcasts.js';
import { machineMs } from '../sockets/clock.js';
import { lockByService } from './lock-service.js';
import { Probe } from './probe.js';
import { record } from './recorder.js';

// One server under measurement: `main.ts tidemark` or `main.ts naive`, configured by environment variables.

/** Imports from the built Tidemark: sources run by tsx lack the type metadata that Nest's injection needs. */
function built<T>(file: string): Promise<T> {
  return import(pathToFileURL(join(process.cwd(), 'dist', file)).href) as Promise<T>;
}

async function createTidemark(): Promise<NestFastifyApplication> {
  const { createApp } = await built<typeof app>('app.js');
  const { AppModule } = await built<typeof appModule>('app.module.js');
  const { loadConfig } = await built<typeof config>('foundation/config/config.js');
  Module({ controllers: [ConstantController] })(AppModule);
  return createApp(loadConfig({ env: process.env }));
}

const kind = process.argv[2];
const nest = kind === 'naive' ? await createNaiveApp(process.env) : await createTidemark();
await nest.listen(0, '127.0.0.1');
const url = `http://127.0.0.1:${(nest.getHttpServer().address() as AddressInfo).port}`;
const probe = new Probe();

/** Commit times on the machine's clock by a push's timestamp, recorded from `noteCommits` on. */
const commits = new Map<number, number>();

const SEED_DOCUMENTS = `WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < $2)
  INSERT INTO documents (account_id, video_id, kind, epoch, version, size_bytes, updated_at, upload_failures, stored_epoch,
    stored_version, stored_key, stored_sha256, stored_size_bytes, uploaded_at, owner_token)
  SELECT $1, 'seeded-' || n, 'layout', 1, 1, 24576, 1, 0, 1, 1, 'none', 'none', 1, 1, 1 FROM s`;

const MAKE_DUE = `UPDATE documents SET stored_epoch = NULL, stored_version = NULL, pending_since = 1, upload_due_at = 1
  WHERE account_id = $1 AND video_id NOT LIKE 'seeded-%'`;

async function events(): Promise<eventBus.EventBus> {
  const { EventBus } = await built<typeof eventBus>('foundation/events/event-bus.js');
  return nest.get(EventBus);
}

const calls = {
  url: () => url,
  watch: () => probe.watch(),
  unwatch: () => probe.unwatch(),
  startProfile: () => probe.startProfile(),
  stopProfile: () => probe.stopProfile(),
  settle: () => probe.settle(),
  noteCommits: async () => {
    (await events()).subscribe('records.changed', ({ timestamp }) => commits.set(timestamp, machineMs()));
  },
  takeCommits: () => {
    const taken = new Map(commits);
    commits.clear();
    return taken;
  },
  /** Sends announcements as if these accounts had pushed records. */
  broadcast: async (broadcasts: Broadcasts) => {
    const bus = await events();
    return paced(broadcasts, (accountId, timestamp) =>
      bus.publish('records.changed', { accountId, deviceId: 'bench', timestamp }),
    );
  },
  lockPairs: async (job: LockJob) => {
    const { LocksService } = await built<typeof locksService>('locks/locks.service.js');
    return lockByService(nest.get(LocksService), job);
  },
  /** Fills an account with uploaded documents called `seeded-1` and so on. */
  seedDocuments: async ({ accountId, count }: { accountId: string; count: number }) => {
    const { Database } = await built<typeof database>('foundation/database/database.js');
    await nest.get(Database).write(SEED_DOCUMENTS, [accountId, count]);
  },
  /** Lets the scheduler upload an account's documents, except the seeded ones, as if they had just become due. */
  uploadAll: async (accountId: string) => {
    const { Database } = await built<typeof database>('foundation/database/database.js');
    const { UploadSchedule } = await built<typeof uploadSchedule>('uploads/upload-schedule.js');
    await nest.get(Database).write(MAKE_DUE, [accountId]);
    const begun = performance.now();
    await nest.get(UploadSchedule).tick();
    return performance.now() - begun;
  },
  /** Records the statements of one request; works only for Tidemark, where all statements pass one place. */
  record: async ({ path, ...asked }: { path: string } & Asked) => {
    const { Database } = await built<typeof database>('foundation/database/database.js');
    return record(nest.get(Database), () => timedRequest(url + path, asked));
  },
};
/** The functions of a server under measurement. */
export type ServerCalls = typeof calls;

answerCalls(calls);
