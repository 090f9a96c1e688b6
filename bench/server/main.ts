import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type * as app from '../../src/app.js';
import type * as appModule from '../../src/app.module.js';
import type * as config from '../../src/config/config.js';
import type * as eventBus from '../../src/events/event-bus.js';
import type * as database from '../../src/database/database.js';
import { answerCalls } from '../lab/remote.js';
import { timedRequest, type Asked } from '../lab/http.js';
import { createNaiveApp } from '../naive/app.js';
import { ConstantController } from './constant.controller.js';
import { paced, type Broadcasts } from '../sockets/broadcasts.js';
import { machineMs } from '../sockets/clock.js';
import { Probe } from './probe.js';
import { record } from './recorder.js';

// One server under measurement: `main.ts tidemark` or `main.ts naive`, configured by the environment as ever.

/** The built Tidemark: sources run by tsx lack the type information by which Nest finds what to inject. */
function built<T>(file: string): Promise<T> {
  return import(pathToFileURL(join(process.cwd(), 'dist', file)).href) as Promise<T>;
}

async function createTidemark(): Promise<NestFastifyApplication> {
  const { createApp } = await built<typeof app>('app.js');
  const { AppModule } = await built<typeof appModule>('app.module.js');
  const { loadConfig } = await built<typeof config>('config/config.js');
  Module({ controllers: [ConstantController] })(AppModule);
  return createApp(loadConfig({ env: process.env }));
}

const kind = process.argv[2];
const nest = kind === 'naive' ? await createNaiveApp(process.env) : await createTidemark();
await nest.listen(0, '127.0.0.1');
const url = `http://127.0.0.1:${(nest.getHttpServer().address() as AddressInfo).port}`;
const probe = new Probe();

/** When each push was committed, by its timestamp, on the machine's clock; noted from `noteCommits` on. */
const commits = new Map<number, number>();

async function events(): Promise<eventBus.EventBus> {
  const { EventBus } = await built<typeof eventBus>('events/event-bus.js');
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
  /** Announces as if records of these accounts had been pushed. */
  broadcast: async (broadcasts: Broadcasts) => {
    const bus = await events();
    return paced(broadcasts, (accountId, timestamp) =>
      bus.publish('records.changed', { accountId, deviceId: 'bench', timestamp }),
    );
  },
  /** Which statements one request sends; only of Tidemark, which has one place they all pass. */
  record: async ({ path, ...asked }: { path: string } & Asked) => {
    const { Database } = await built<typeof database>('database/database.js');
    return record(nest.get(Database), () => timedRequest(url + path, asked));
  },
};
/** What a server under measurement can be asked to do. */
export type ServerCalls = typeof calls;

answerCalls(calls);
