import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { forEachDatabase } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { clockOf, findRow, moveTo, pull, push } from '../support/exchange.js';
import { creating, game, games } from '../support/records.js';
import { startServer } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';
import { SlowPush, stopDuringPush } from './stopping.js';

forEachDatabase((database) => {
  let storage: Storage;
  beforeEach(async () => {
    storage = await createStorage(database);
  });
  afterEach(() => storage.dispose());

  test('SIGINT: ready turns 503, the running push finishes, new requests are refused, exit 0', async () => {
    const device = await stopDuringPush(storage, 'SIGINT');
    await using again = await startServer({ storage });
    moveTo(device, again.url);
    expect(await findRow(device, 'games', 'g1')).toEqual(game('g1'));
  });

  test('idle connections that are kept alive do not hold the end up', async () => {
    await using server = await startServer({ storage });
    const device = await TestDevice.register(server.url);
    await Promise.all([1, 2, 3].map(() => device.request('GET', '/sync/meta')));
    // If the deadline had ended it, the exit code would not be 0.
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('a request that does not end is cut off after SHUTDOWN_DEADLINE_SECONDS, and the exit code says so', async () => {
    await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '1' } });
    const device = await TestDevice.register(server.url);
    const slow = await SlowPush.begin(device, {});
    await pull(device);
    const exit = await server.kill('SIGTERM');
    expect(exit.signal).toBeNull();
    expect(exit.code).not.toBe(0);
    await expect(slow.answer).rejects.toThrow();
  });

  test('a client that went away in the middle of its push does not hold the end up', async () => {
    await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '60' } });
    const device = await TestDevice.register(server.url);
    const slow = await SlowPush.begin(device, {});
    await pull(device);
    slow.destroy();
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('a client that went away in the middle of an answer does not hold the end up', async () => {
    await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '60' } });
    const device = await TestDevice.register(server.url);
    await push(device, creating({ games: games(60_000) }), await clockOf(device));
    const answers = await Promise.all(
      [1, 2, 3].map(async () => {
        const call = request(`${device.url}/api/v1/sync/pull`, {
          headers: { authorization: `Bearer ${device.accessToken}` },
        });
        const [response] = (await once(call.end(), 'response')) as [IncomingMessage];
        await once(response, 'readable');
        return response;
      }),
    );
    for (const answer of answers) answer.destroy();
    expect((await device.request('GET', '/sync/meta')).status).toBe(200);
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

test('what does not close does not hold the end up, and the exit code says so', async () => {
  const storage = await createStorage('sqlite');
  const neverClosing = "import{Server}from'node:net';Server.prototype.close=function(){return(this)}";
  const env = { NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(neverClosing)}` };
  await using server = await startServer({ storage, env });
  expect(await server.kill('SIGTERM')).toEqual({ code: 1, signal: null });
  await storage.dispose();
});
