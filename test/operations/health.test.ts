import { renameSync } from 'node:fs';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Database } from '../../src/foundation/database/database.js';
import { HealthDetails } from '../../src/operations/health-details.js';
import { OperationsModule } from '../../src/operations/operations.module.js';
import { ReadinessChecks } from '../../src/operations/readiness-checks.js';
import { administrate, endConnections } from '../support/administrate.js';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import { send } from '../support/device.js';
import { expectProblem, pull, until } from '../support/exchange.js';
import { getAsOperator, OPERATOR_TOKEN } from '../support/operator.js';
import { PostgresProxy } from '../support/postgres-proxy.js';
import { shareApp } from '../support/shared-app.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test.each(['/health/live', '/health/ready'])(
    'GET %s answers 200 without a token, and is not cached',
    async (path) => {
      const reply = await send('GET', app().url + path);
      expect(reply.status).toBe(200);
      expect(reply.body).toEqual({ status: 'ok' });
      expect(reply.headers.get('cache-control')).toMatch(/no-store|no-cache/);
    },
  );

  test('the health routes tell nothing of the installation', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const { body, headers } = await send('GET', app().url + path);
      expect(JSON.stringify(body) + JSON.stringify([...headers])).not.toMatch(
        /sqlite|postgres|fastify|express|node|\d+\.\d+\.\d+/i,
      );
    }
  });

  test('the figures of health and the metrics are for the operator alone', async () => {
    const { url } = app();
    const { accessToken } = await app().newDevice();
    const strangers: Record<string, string>[] = [
      {},
      { authorization: `Bearer ${accessToken}` },
      { authorization: 'Basic b3BlcmF0b3I6' },
    ];
    for (const headers of [...strangers, { authorization: `Bearer ${OPERATOR_TOKEN}x` }]) {
      const health = await send('GET', `${url}/health`, { headers });
      expect(health).toMatchObject({ status: 200, body: { status: 'ok' } });
      expect(Object.keys(health.body as object)).toEqual(['status']);
      const code = 'authorization' in headers ? 'TOKEN_INVALID' : 'TOKEN_MISSING';
      expectProblem(await send('GET', `${url}/metrics`, { headers }), 401, code);
    }
    expect((await getAsOperator(`${url}/health`)).body).toMatchObject({ uploads: { pending: 0 } });
    const metrics = await getAsOperator(`${url}/metrics`);
    expect(metrics.headers.get('cache-control')).toBe('no-store');
    expect(metrics.body).toMatch(/^process_cpu_seconds_total /m);
  });

  test("an API_PREFIX of one's own moves the API and leaves the health routes", async () => {
    await using own = await startApp(database, { env: { API_PREFIX: '/sync-api/v9' } });
    expect((await send('GET', `${own.url}/health/ready`)).status).toBe(200);
    expect((await send('POST', `${own.url}/sync-api/v9/auth/devices`, { body: {} })).status).toBe(201);
    expectProblem(await send('POST', `${own.url}/api/v1/auth/devices`, { body: {} }), 404, 'NOT_FOUND');
  });
});

forEachDatabase((database) => {
  test('a data folder that went away is told as degraded, hides no other figures, and is no internal error', async () => {
    await using app = await startApp(database);
    const device = await app.newDevice();
    const { DATA_DIR } = app.storage.env;
    renameSync(DATA_DIR!, `${DATA_DIR}-away`);
    try {
      const health = await getAsOperator(`${app.url}/health`);
      const failure = expect.stringMatching(/^ENOENT/) as string;
      expect(health).toMatchObject({
        status: 200,
        body: { status: 'degraded', disk: { failure }, uploads: { pending: 0 } },
      });
      expect(await send('GET', `${app.url}/health`)).toMatchObject({
        status: 200,
        body: { status: 'degraded' },
      });
      const metrics = await getAsOperator(`${app.url}/metrics`);
      expect(metrics.status).toBe(200);
      expect(metrics.body).toMatch(/^tidemark_disk_free_bytes NaN$/im);
      expect(metrics.body).toMatch(/^tidemark_uploads_pending 0$/m);
      const ready = await send('GET', `${app.url}/health/ready`);
      if (database === 'sqlite') expectProblem(ready, 503, 'DATABASE_READ_ONLY');
      else expect(ready.status).toBe(200);
      if (database === 'sqlite') expectProblem(await device.pull(), 503, 'OVERLOADED');
    } finally {
      renameSync(`${DATA_DIR}-away`, DATA_DIR!);
    }
    expect((await getAsOperator(`${app.url}/health`)).body).toMatchObject({ status: 'ok' });
    expect((await send('GET', `${app.url}/health/ready`)).status).toBe(200);
    await pull(device);
  });
});

test('without the operator’s token the health asks for no figures, and nothing more once a part is degraded', async () => {
  await using app = await startApp('sqlite');
  const asked: string[] = [];
  const part = (name: string, isDegraded: boolean) => ({
    isDegraded: async () => (asked.push(name), isDegraded),
    figures: async () => (asked.push(`figures of ${name}`), { name }),
  });
  const details = app.nest.get(HealthDetails);
  details.add('first', part('first', false));
  details.add('second', part('second', true));
  details.add('third', part('third', false));
  expect((await send('GET', `${app.url}/health`)).body).toEqual({ status: 'degraded' });
  expect(asked).toEqual(['first', 'second']);
  expect((await getAsOperator(`${app.url}/health`)).body).toMatchObject({
    status: 'degraded',
    first: { name: 'first' },
    third: { name: 'third' },
  });
});

test('the module of operations starts alone, and is as ready as the parts that register with it', async () => {
  const app = await NestFactory.create<NestFastifyApplication>(OperationsModule, new FastifyAdapter(), {
    logger: false,
  });
  try {
    await app.listen(0, '127.0.0.1');
    const url = await app.getUrl();
    for (const path of ['/health', '/health/live', '/health/ready'])
      expect((await send('GET', url + path)).status).toBe(200);
    expect((await send('GET', `${url}/metrics`)).status).not.toBe(200);
    app.get(ReadinessChecks).add(async () => undefined);
    expect((await send('GET', `${url}/health/ready`)).status).toBe(200);
    app.get(ReadinessChecks).add(() => Promise.reject(new Error('gone')));
    expect((await send('GET', `${url}/health/ready`)).status).toBe(500);
    expect((await send('GET', `${url}/health/live`)).status).toBe(200);
  } finally {
    await app.close();
  }
});

describe('on postgres, when the database goes away', () => {
  const urlOf = ({ storage }: TestApp) => storage.env.DATABASE_URL!;
  const leave = (app: TestApp) =>
    administrate(urlOf(app), (name) => `ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`).then(() =>
      administrate(urlOf(app), endConnections),
    );
  const comeBack = (app: TestApp) =>
    administrate(urlOf(app), (name) => `ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS true`);

  test('ready fails, live stays 200, requests fail with a problem, and all recover by themselves', async () => {
    await using app = await startApp('postgres');
    const device = await app.newDevice();
    await pull(device);
    // A connection that is in use when its database goes away emits an event that nobody else listens to.
    const snapshot = await app.nest.get(Database).openSnapshot();
    await snapshot.query('SELECT 1');
    await leave(app);
    try {
      await expect(snapshot.query('SELECT 1')).rejects.toMatchObject({ code: 'OVERLOADED' });
      await snapshot.close();
      const ready = await until(
        () => send('GET', `${app.url}/health/ready`),
        (reply) => reply.status !== 200,
      );
      expectProblem(ready, 503, 'OVERLOADED');
      expect((await send('GET', `${app.url}/health/live`)).status).toBe(200);
      const failed = await device.pull();
      expectProblem(failed, 503, 'OVERLOADED');
    } finally {
      await comeBack(app);
    }
    await until(
      () => send('GET', `${app.url}/health/ready`),
      (reply) => reply.status === 200,
    );
    await pull(device);
  });

  test('what waits on connections that fell silent fails in time, what follows is served, and long work is not cut off', async () => {
    const answerTimeoutMs = 5_000;
    await using proxy = await PostgresProxy.start();
    await using app = await startApp('postgres', { storage: proxy.storage, answerTimeoutMs });
    const device = await app.newDevice();
    const database = app.nest.get(Database);
    const waits = [
      () => device.request('GET', '/documents'), // includes the guard's query
      () => send('GET', `${app.url}/health/ready`),
      () => database.transaction((tx) => tx.query('SELECT 1')),
      () => database.openSnapshot(),
    ];
    // Opens so many connections, which are idle when the proxy silences them.
    await Promise.all(waits.map(() => database.query('SELECT pg_sleep(0.5)')));
    proxy.silence();
    const [request, ready, ...direct] = await Promise.allSettled(waits.map((wait) => wait()));
    for (const reply of [request, ready])
      expect(reply).toMatchObject({ value: { status: 503, body: { code: 'OVERLOADED' } } });
    for (const outcome of direct) expect(outcome).toMatchObject({ reason: { code: 'OVERLOADED' } });

    await until(
      () => device.request('GET', '/documents'),
      (reply) => reply.status === 200,
    );
    const snapshot = await database.openSnapshot();
    const sleep = [`SELECT pg_sleep($1)`, [(1.2 * answerTimeoutMs) / 1_000]] as const;
    await Promise.all([database.transaction((tx) => tx.query(...sleep)), snapshot.query(...sleep)]);
    await snapshot.close();
  });
});
