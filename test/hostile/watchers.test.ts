import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { WebSocket } from 'ws';
import type { Problem } from '../../src/protocol/errors.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, push, store } from '../support/exchange.js';
import { creating, evening, player, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';

const WATCHERS = 80;
const MIB = 1_048_576;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of everything in this process that is in use, texts and buffers. */
function bytesInUse(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('watchers who read nothing', () => {
  const app = shareApp('sqlite');

  const deaf: TestSocket[] = [];
  afterEach(() => deaf.splice(0).forEach(({ client }) => client.disconnect()));

  const share = async (device: TestDevice): Promise<string> => {
    const { url } = (await device.request('POST', '/games/e-game/shares')).body as { url: string };
    return new URL(url).hash.replace('#/watch/', '');
  };
  const pause = ({ client }: TestSocket) =>
    (client.io.engine.transport as unknown as { ws: WebSocket }).ws.pause();
  const players = (count: number) =>
    Array.from({ length: count }, (_, n) => player(`p${n}`, 'e-game', { name: 'x'.repeat(200) }));

  test('take the memory of one, and keep nobody from the newest state', async () => {
    const device = await app().newDevice();
    await store(device, evening('e'));
    await push(device, creating({ game_players: players(6_000) }), await clockOf(device));
    const token = await share(device);
    for (let n = 0; n < WATCHERS; n++) {
      deaf.push(await TestSocket.watch(device.url, token));
      pause(deaf.at(-1)!);
    }
    const before = bytesInUse();
    using reader = await TestSocket.watch(device.url, token);
    await reader.next('scoreboard');
    let clock = await clockOf(device);
    for (let n = 1; n <= 5; n++) {
      ({ timestamp: clock } = await push(
        device,
        updating({ games: [{ id: 'e-game', name: `Name ${n}` }] }),
        clock,
      ));
      expect((await reader.next('scoreboard')).tables.games).toMatchObject([{ name: `Name ${n}` }]);
    }
    // A text and a buffer for each of them and each change would be many times that.
    expect((bytesInUse() - before) / MIB).toBeLessThan(WATCHERS);
    expect((await reader.ping()).timestamp).toBe(clock);
  });

  test('a game of few but large rows is too large to be watched, and the refusal says so', async () => {
    const device = await app().newDevice();
    await store(device, evening('e'));
    const token = await share(device);
    using watcher = await TestSocket.watch(device.url, token);
    await push(device, creating({ game_players: players(8_000) }), await clockOf(device));
    const { problem } = await watcher.ask<{ problem: Problem }>('ping', { n: 1 });
    expect(problem).toMatchObject({ status: 403, code: 'QUOTA_EXCEEDED' });
    expect(problem.detail).toContain('2 MiB');
    expect(await watcher.closed()).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    using again = new TestSocket(device.url, { share_token: token, protocol_version: 1 });
    expect(await again.refusal()).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });
});
