import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { send } from '../support/device.js';
import { runTidemark, startServer } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { expectOneLine } from './refusals.js';

let storage: Storage;
beforeAll(async () => {
  storage = await createStorage('sqlite');
});
afterAll(() => storage.dispose());

test('METRICS_PORT answers metrics and health without a token, on this machine only, and nothing else', async () => {
  await using server = await startServer({
    storage,
    env: { METRICS_PORT: '0', WEB_DIR: 'off', OPERATOR_TOKEN: '' },
  });
  const line = server
    .output()
    .split('\n')
    .find((text) => text.includes('Tidemark is ready'))!;
  const { metrics } = JSON.parse(line) as { metrics: string };
  const { origin, hostname, port } = new URL(metrics);
  expect(hostname).toBe('127.0.0.1');
  expect((await send('GET', metrics)).body).toMatch(/^process_cpu_seconds_total /m);
  expect((await send('GET', `${metrics}?a=b`)).status).toBe(200);
  expect((await send('GET', `${origin}/health`)).body).toMatchObject({
    status: 'ok',
    uploads: { pending: 0 },
  });
  for (const path of ['/', '/api/v1/sync/pull', '/health/ready', '//health', '/metrics/x'])
    expect((await send('GET', origin + path)).status).toBe(404);
  expect((await send('POST', metrics)).status).toBe(404);

  const others = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  for (const { address } of others.filter(({ internal, family }) => !internal && family === 'IPv4'))
    await expect(send('GET', `http://${address}:${port}/metrics`)).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });

  // The public port keeps its figures to itself.
  expect((await send('GET', `${server.url}/metrics`)).status).toBe(401);
  expect((await send('GET', `${server.url}/health`)).body).toEqual({ status: 'ok' });
  expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('a METRICS_PORT that is taken: one line', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const METRICS_PORT = String((other.address() as AddressInfo).port);
    const env = { ...storage.env, PORT: '0', HOST: '127.0.0.1', WEB_DIR: 'off', METRICS_PORT };
    expectOneLine(await runTidemark(['start'], env), new RegExp(`${METRICS_PORT} is taken.*--metrics-port`));
  } finally {
    other.close();
  }
});
