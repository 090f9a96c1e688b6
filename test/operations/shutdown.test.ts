import { once } from 'node:events';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { forEachDatabase } from '../support/app.js';
import { send, TestDevice } from '../support/device.js';
import { clockOf, expectProblem, findRow, moveTo, pull, push, until } from '../support/exchange.js';
import { creating, game, games } from '../support/records.js';
import { startServer } from '../support/server-process.js';
import { createStorage, type Storage } from '../support/storage.js';

/** A push whose body is sent in two parts, so that a test decides when it ends. */
class SlowPush {
  readonly answer: Promise<number | undefined>;

  private constructor(
    private readonly call: ClientRequest,
    private readonly rest: string,
  ) {
    this.answer = new Promise((resolve, reject) => {
      call.once('error', reject);
      call.once('response', (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      });
    });
    // A test that is not interested in the answer may break the connection.
    this.answer.catch(() => undefined);
  }

  /** Sends the beginning, and waits until the server has the request. */
  static async begin(device: TestDevice, changes: unknown): Promise<SlowPush> {
    const body = JSON.stringify({ changes, last_pulled_at: await clockOf(device) });
    const call = request(`${device.url}/api/v1/sync/push`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${device.accessToken}`,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        expect: '100-continue',
      },
    });
    const push = new SlowPush(call, body.slice(10));
    call.flushHeaders();
    await once(call, 'continue');
    call.write(body.slice(0, 10));
    return push;
  }

  finish(): void {
    this.call.end(this.rest);
  }

  destroy(): void {
    this.call.destroy();
  }
}

forEachDatabase((database) => {
  let storage: Storage;
  beforeEach(async () => {
    storage = await createStorage(database);
  });
  afterEach(() => storage.dispose());

  const isReady = async (url: string) => (await send('GET', `${url}/health/ready`)).status;

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: ready turns 503, the running push finishes, new requests are refused, exit 0',
    async (signal) => {
      await using server = await startServer({ storage });
      const device = await TestDevice.register(server.url);
      const slow = await SlowPush.begin(device, creating({ games: [game('g1')] }));
      await pull(device);
      const exit = server.kill(signal);
      await until(
        () => isReady(server.url),
        (status) => status === 503,
      );
      const refused = await device.pull();
      expectProblem(refused, 503, 'SHUTTING_DOWN');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await send('GET', `${server.url}/health/live`)).status).toBe(200);
      slow.finish();
      expect(await slow.answer).toBe(200);
      expect(await exit).toEqual({ code: 0, signal: null });

      await using again = await startServer({ storage });
      moveTo(device, again.url);
      expect(await findRow(device, 'games', 'g1')).toEqual(game('g1'));
    },
  );

  test('idle connections that are kept alive do not hold the end up', async () => {
    await using server = await startServer({ storage });
    const device = await TestDevice.register(server.url);
    await Promise.all([1, 2, 3].map(() => device.request('GET', '/sync/meta')));
    const started = Date.now();
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(Date.now() - started).toBeLessThan(20_000);
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
    await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '10' } });
    const device = await TestDevice.register(server.url);
    const slow = await SlowPush.begin(device, {});
    await pull(device);
    slow.destroy();
    expect(await server.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  test('a client that went away in the middle of an answer does not hold the end up', async () => {
    await using server = await startServer({ storage, env: { SHUTDOWN_DEADLINE_SECONDS: '10' } });
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
