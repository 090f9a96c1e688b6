import { Agent, request } from 'node:http';
import { startApp } from '../support/app.js';
import { packedLayout, pathOf } from '../support/documents.js';

/** Far more than sockets and streams buffer. */
const MEGABYTES_5 = 5_000_000;

test('a body that is refused before it is read does not hold up its connection', async () => {
  await using app = await startApp('sqlite');
  const laptop = await app.newDevice();
  const body = packedLayout(['red'], MEGABYTES_5);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, path: string, headers: Record<string, string> = {}) =>
    new Promise<number>((resolve, reject) => {
      const authorization = `Bearer ${laptop.accessToken}`;
      const call = request(`${app.url}/api/v1${path}`, {
        method,
        agent,
        headers: { authorization, ...headers },
        signal: AbortSignal.timeout(20_000),
      });
      call.once('response', (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode!));
      });
      call.once('error', reject);
      call.end(method === 'GET' ? undefined : body);
    });
  const refused = (more: Record<string, string>) =>
    ask('PUT', `${pathOf('v1')}/content?session_id=s&fencing_token=1`, {
      'content-type': 'application/gzip',
      'content-length': String(body.length),
      ...more,
    });
  try {
    for (const [more, status] of [
      [{ 'if-match': '"0-0"' }, 423],
      [{}, 428],
      [{ 'if-match': '"0-0"', authorization: 'Bearer x' }, 401],
    ] as const) {
      expect([status, await refused(more)]).toEqual([status, status]);
      expect(await ask('GET', `${pathOf('v1')}/state`)).toBe(200);
    }
    const json = { 'content-type': 'application/json', 'content-length': String(body.length) };
    for (const [more, status] of [
      [{}, 413],
      [{ 'content-encoding': 'gzip' }, 413],
      [{ 'content-encoding': 'br' }, 415],
    ] as const) {
      expect([status, await ask('POST', `${pathOf('v1')}/lock`, { ...json, ...more })]).toEqual([
        status,
        status,
      ]);
      expect(await ask('GET', `${pathOf('v1')}/state`)).toBe(200);
    }
  } finally {
    agent.destroy();
  }
});
