import type { WebSocket } from 'ws';
import type { Problem } from '../../src/protocol/errors.js';
import type { Scoreboard } from '../../src/protocol/events.js';
import { Database } from '../../src/foundation/database/database.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { clockOf, liveRows, push, store, until } from '../support/exchange.js';
import { creating, deleting, evening, player, round, score, updating } from '../support/records.js';
import { shareApp } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';

/** Watchers: clients with the link to a game and without an account. */
forEachDatabase((database) => {
  const app = shareApp(database);

  const share = async (device: TestDevice, gameId: string) => {
    const { share_id, url } = (await device.request('POST', `/games/${gameId}/shares`)).body as {
      share_id: string;
      url: string;
    };
    return { shareId: share_id, token: new URL(url).hash.replace('#/watch/', '') };
  };
  const sorted = ({ tables }: Scoreboard) =>
    Object.fromEntries(
      Object.entries(tables).map(([name, rows]) => [
        name,
        rows.toSorted((a, b) => (String(a.id) < String(b.id) ? -1 : 1)),
      ]),
    );

  /** An account with a game under way, and another game that is not shared. */
  const host = async () => {
    const device = await app().newDevice();
    await store(device, evening('e'));
    await store(device, evening('private'));
    return device;
  };

  test('gets hello and the whole game at once: the rows as a pull brings them, of this game alone', async () => {
    const device = await host();
    using watcher = await TestSocket.watch(device.url, (await share(device, 'e-game')).token);
    const scoreboard = await watcher.next('scoreboard');
    expect(watcher.hello).toMatchObject({ token_expires_at: null, timestamp: scoreboard.timestamp });
    expect(sorted(scoreboard)).toEqual(evening('e'));
    expect(JSON.stringify(scoreboard)).not.toContain('private');
    expect(JSON.stringify(scoreboard)).not.toContain(device.accountId);
  });

  test('sees a round, a correction and a deletion live', async () => {
    const device = await host();
    using watcher = await TestSocket.watch(device.url, (await share(device, 'e-game')).token);
    let { timestamp } = await watcher.next('scoreboard');
    const steps = [
      creating({
        rounds: [round('r2', 'e-game', { round_number: 2 })],
        scores: [score('s2', 'r2', 'e-ada')],
      }),
      updating({ scores: [score('s2', 'r2', 'e-ada', { raw_score: 9, final_score: 9 })] }),
      deleting({ rounds: ['r2'] }),
    ];
    for (const step of steps) {
      await push(device, step, await clockOf(device));
      const scoreboard = await watcher.next('scoreboard');
      const { rounds, scores, ...others } = await liveRows(device);
      expect(sorted(scoreboard).rounds).toEqual(rounds!.filter(({ game_id }) => game_id === 'e-game'));
      expect(sorted(scoreboard).scores).toEqual(scores!.filter(({ id }) => !id.startsWith('private')));
      expect(sorted(scoreboard).games).toEqual(others.games!.filter(({ id }) => id === 'e-game'));
      expect(scoreboard.timestamp).toBeGreaterThan(timestamp);
      timestamp = scoreboard.timestamp;
    }
    expect(await watcher.ping(4)).toEqual({ n: 4, timestamp });
  });

  test('learns nothing of other games: neither an event nor a newer timestamp', async () => {
    const device = await host();
    using watcher = await TestSocket.watch(device.url, (await share(device, 'e-game')).token);
    const { timestamp } = await watcher.next('scoreboard');
    const change = updating({ game_players: [player('private-ada', 'private-game', { name: 'Eve' })] });
    await push(device, change, await clockOf(device));
    await device.pair();
    expect(await watcher.ping()).toEqual({ n: 1, timestamp });
    expect(watcher.pending).toEqual([]);
  });

  test('many changes at once end with the newest state', async () => {
    const device = await host();
    const { token } = await share(device, 'e-game');
    using watcher = await TestSocket.watch(device.url, token);
    for (let points = 1; points <= 20; points++) {
      const change = updating({
        scores: [score('e-score-ada', 'e-round', 'e-ada', { final_score: points })],
      });
      await push(device, change, await clockOf(device));
    }
    const newest = await until(
      () => watcher.next('scoreboard'),
      ({ tables }) => tables.scores!.some(({ final_score }) => final_score === 20),
    );
    expect((await watcher.ping()).timestamp).toBe(newest.timestamp);
  });

  test('who is slow to read skips what came between, and then has the newest state', async () => {
    const device = await host();
    const scores = Array.from({ length: 5_000 }, (_, n) => score(`long-${n}`, 'e-round', 'e-ada'));
    await push(device, creating({ scores }), await clockOf(device));
    const { token } = await share(device, 'e-game');
    using watcher = await TestSocket.watch(device.url, token);
    using other = await TestSocket.watch(device.url, token);
    for (const each of [watcher, other]) await each.next('scoreboard');
    const { ws } = watcher.client.io.engine.transport as unknown as { ws: WebSocket };
    ws.pause();
    let clock = await clockOf(device);
    for (let n = 1; n <= 20; n++) {
      const rename = updating({ games: [{ id: 'e-game', name: `Name ${n}` }] });
      ({ timestamp: clock } = await push(device, rename, clock));
      await other.next('scoreboard');
    }
    const answer = watcher.ping();
    ws.resume();
    const { timestamp } = await answer;
    const heard = watcher.pending.length;
    const names: unknown[] = [];
    for (let n = 0; n < heard; n++) {
      const scoreboard = await watcher.next('scoreboard');
      names.push(scoreboard.tables.games![0]!.name);
      expect(scoreboard.timestamp).toBeLessThanOrEqual(timestamp);
    }
    expect(names.at(-1)).toBe('Name 20');
    expect(heard).toBeLessThan(20);
  });

  test('a ping repairs an announcement that was lost', async () => {
    const device = await host();
    using watcher = await TestSocket.watch(device.url, (await share(device, 'e-game')).token);
    await watcher.next('scoreboard');
    // Changes the data as another process would that cannot notify this one.
    const clock = (await clockOf(device)) + 1;
    await app()
      .nest.get(Database)
      .transaction(async (tx) => {
        await tx.query(
          "UPDATE games SET name = 'Moved', last_modified = $2 WHERE account_id = $1 AND id = 'e-game'",
          [device.accountId, clock],
        );
        await tx.query('UPDATE accounts SET clock = $2 WHERE id = $1', [device.accountId, clock]);
      });
    expect(await watcher.ping()).toEqual({ n: 1, timestamp: clock });
    expect((await watcher.next('scoreboard')).tables.games).toMatchObject([{ name: 'Moved' }]);
  });

  test('is cut off when the link is withdrawn; those who came by another link are not', async () => {
    const device = await host();
    const [mine, yours] = [await share(device, 'e-game'), await share(device, 'e-game')];
    using first = await TestSocket.watch(device.url, mine.token);
    using second = await TestSocket.watch(device.url, yours.token);
    await device.request('DELETE', `/shares/${mine.shareId}`);
    expect(await first.closed()).toMatchObject({ status: 404, code: 'SHARE_WITHDRAWN' });
    expect((await second.ping()).n).toBe(1);
    using again = new TestSocket(device.url, { share_token: mine.token, protocol_version: 1 });
    expect(await again.refusal()).toMatchObject({ code: 'SHARE_WITHDRAWN' });
  });

  test('is cut off when the game is deleted, and may come back when that is undone', async () => {
    const device = await host();
    const { token } = await share(device, 'e-game');
    using watcher = await TestSocket.watch(device.url, token);
    await push(device, deleting({ games: ['e-game'] }), await clockOf(device));
    expect(await watcher.closed()).toMatchObject({ status: 404, code: 'SHARE_WITHDRAWN' });
    using refused = new TestSocket(device.url, { share_token: token, protocol_version: 1 });
    expect(await refused.refusal()).toMatchObject({ code: 'SHARE_WITHDRAWN' });
    await push(device, creating(evening('e')), await clockOf(device));
    using again = await TestSocket.watch(device.url, token);
    expect(sorted(await again.next('scoreboard'))).toEqual(evening('e'));
  });

  test('a withdrawal that was not announced is found out by the next ping', async () => {
    const device = await host();
    const { shareId, token } = await share(device, 'e-game');
    using watcher = await TestSocket.watch(device.url, token);
    await app()
      .nest.get(Database)
      .transaction((tx) => tx.query('DELETE FROM shares WHERE id = $1', [shareId]));
    const { problem } = await watcher.ask<{ problem: Problem }>('ping', { n: 1 });
    expect(problem.code).toBe('SHARE_WITHDRAWN');
    expect(await watcher.closed()).toMatchObject({ code: 'SHARE_WITHDRAWN' });
  });

  test('is cut off when the game becomes too large to be watched, and not let in again', async () => {
    const device = await host();
    const { token } = await share(device, 'e-game');
    using watcher = await TestSocket.watch(device.url, token);
    for (let part = 0; part < 4; part++) {
      const scores = Array.from({ length: 2_500 }, (_, n) => score(`s-${part}-${n}`, 'e-round', 'e-ada'));
      await push(device, creating({ scores }), await clockOf(device));
    }
    const { problem } = await watcher.ask<{ problem: Problem }>('ping', { n: 1 });
    expect(problem).toMatchObject({ status: 403, code: 'QUOTA_EXCEEDED' });
    expect(await watcher.closed()).toMatchObject({ code: 'QUOTA_EXCEEDED' });
    using again = new TestSocket(device.url, { share_token: token, protocol_version: 1 });
    expect(await again.refusal()).toMatchObject({ code: 'QUOTA_EXCEEDED' });
  });

  test('may ping and nothing else', async () => {
    const device = await host();
    using watcher = await TestSocket.watch(device.url, (await share(device, 'e-game')).token);
    const answer = await watcher.ask<{ problem: Problem }>('token', { access_token: device.accessToken });
    expect(answer.problem.code).toBe('BAD_REQUEST');
  });

  test('the token of a link opens no route', async () => {
    const device = await host();
    const { token } = await share(device, 'e-game');
    const reply = await device.request('GET', '/sync/pull', {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(reply.status).toBe(401);
  });
});
