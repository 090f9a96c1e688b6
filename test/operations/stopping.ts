import { once } from 'node:events';
import { request, type ClientRequest } from 'node:http';
import { send, TestDevice } from '../support/device.js';
import { clockOf, expectProblem, pull, until } from '../support/exchange.js';
import { creating, game } from '../support/records.js';
import { startServer } from '../support/server-process.js';
import type { Storage } from '../support/storage.js';

/** A push whose body is sent in two parts, so that a test decides when it ends. */
export class SlowPush {
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
    // A test that does not need the answer may break the connection.
    this.answer.catch(() => undefined);
  }

  /** Sends the first part, and waits until the server has the request. */
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

/**
 * Stops a server while it reads a push: ready turns 503, the push finishes, new requests are refused, exit 0.
 * @returns the device that pushed the game `g1`
 */
export async function stopDuringPush(storage: Storage, signal: 'SIGTERM' | 'SIGINT'): Promise<TestDevice> {
  await using server = await startServer({ storage });
  const device = await TestDevice.register(server.url);
  const slow = await SlowPush.begin(device, creating({ games: [game('g1')] }));
  await pull(device);
  const exit = server.kill(signal);
  await until(
    () => send('GET', `${server.url}/health/ready`),
    ({ status }) => status === 503,
  );
  const refused = await device.pull();
  expectProblem(refused, 503, 'SHUTTING_DOWN');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await send('GET', `${server.url}/health/live`)).status).toBe(200);
  slow.finish();
  expect(await slow.answer).toBe(200);
  expect(await exit).toEqual({ code: 0, signal: null });
  return device;
}
