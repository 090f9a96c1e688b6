import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { send, type Reply, type TestDevice } from '../support/device.js';
import { clockOf, expectProblem, liveRows, moveTo, pull, push, stateOf } from '../support/exchange.js';
import type { Pulled } from '../support/exchange.js';
import { creating, deleting, evening, game, updating } from '../support/records.js';
import type { CommandResult } from '../support/server-process.js';
import { databasesWithTools, shareRestore } from './backups.js';

function expectFailure(result: CommandResult, pattern: RegExp): void {
  expect(result.code).toBeGreaterThan(0);
  expect(result.stderr).toMatch(pattern);
  expect(result.stderr).not.toMatch(/^\s+at |node:internal/m);
}

describe.each(databasesWithTools)('on %s', (database) => {
  const shared = shareRestore(database);

  describe('a backup', () => {
    let attempts: CommandResult[];
    let files: string[];
    let size: number;
    shared.beforeBackup(async () => {
      const { site } = shared;
      const file = site.backup();
      writeFileSync(file, 'precious');
      attempts = [];
      const nowhere = join(dirname(file), 'no', 'such', 'folder', 'x');
      for (const args of [['backup', file], ['backup', nowhere], ['backup']]) {
        attempts.push(await site.command(args));
      }
      size = statSync(file).size;
      files = readdirSync(dirname(file));
      rmSync(file);
    });

    test('replaces no file, and says where it cannot write', () => {
      const [onFile, nowhere, unnamed] = attempts as [CommandResult, CommandResult, CommandResult];
      expectFailure(onFile, /exist/i);
      expect(size).toBe('precious'.length);
      expectFailure(nowhere, /./);
      expectFailure(unnamed, /file/i);
      expect(files).toEqual(['tidemark.backup']);
    });
  });

  describe('the records', () => {
    let device: TestDevice;
    let other: TestDevice;
    let newcomer: TestDevice;
    let early: number;
    let saved: Pulled;
    let savedRows: Awaited<ReturnType<typeof liveRows>>;
    let seen: Pulled;

    shared.beforeBackup(async (server) => {
      device = await server.newDevice();
      other = await server.newDevice();
      early = await clockOf(device);
      await push(device, creating(evening('a')), early);
      await push(device, deleting({ scores: ['a-score-bob'] }), await clockOf(device));
      await push(other, creating({ games: [game('theirs')] }), await clockOf(other));
      saved = await pull(device);
      savedRows = await liveRows(device);
    });
    shared.beforeRestore(async () => {
      const lost = await push(device, creating({ games: [game('later')] }), saved.timestamp);
      await push(device, updating({ games: [{ id: 'a-game', name: 'Later' }] }), lost.timestamp);
      newcomer = await device.pair();
      seen = await pull(device);
    });

    test('of the backup come back, as a new history of every account', async () => {
      for (const each of [device, other, newcomer]) moveTo(each, shared.app.url);
      for (const lastPulledAt of [seen.timestamp, saved.timestamp, early]) {
        for (const query of [{}, { history_id: saved.history_id }]) {
          expectProblem(
            await device.pull({ last_pulled_at: lastPulledAt, ...query }),
            409,
            'HISTORY_CHANGED',
          );
          const pushed = creating({ games: [game('old-phone')] });
          expectProblem(await device.push(pushed, lastPulledAt, query), 409, 'HISTORY_CHANGED');
        }
      }
      expectProblem(await device.pull({ history_id: saved.history_id }), 409, 'HISTORY_CHANGED');
      expectProblem(await newcomer.pull(), 401, 'DEVICE_REVOKED');

      const fresh = await pull(device);
      expect(await liveRows(device)).toEqual(savedRows);
      expect(fresh.history_id).not.toBe(saved.history_id);
      expect(fresh.timestamp).toBeGreaterThan(saved.timestamp);
      expect(fresh.timestamp).toBeGreaterThanOrEqual(shared.restoredFrom);
      expectProblem(await device.pull({ last_pulled_at: fresh.timestamp - 1 }), 409, 'HISTORY_CHANGED');
      expect((await pull(device, fresh.timestamp, { history_id: fresh.history_id })).timestamp).toBe(
        fresh.timestamp,
      );
      await push(device, creating({ games: [game('after')] }), fresh.timestamp, {
        history_id: fresh.history_id,
      });

      const theirs = await pull(other);
      expect(theirs.changes.games?.updated).toEqual([game('theirs')]);
      expect(new Set([theirs.history_id, fresh.history_id, saved.history_id]).size).toBe(3);
    });
  });

  describe('a device', () => {
    let device: TestDevice;
    let tokens: string[];
    let [asleep, stolen]: TestDevice[] = [];
    let stolenFirst: string;
    shared.beforeBackup(async (server) => {
      device = await server.newDevice();
      [asleep, stolen] = [await server.newDevice(), await server.newDevice()];
      stolenFirst = stolen.refreshToken;
    });
    shared.beforeRestore(async () => {
      tokens = [device.refreshToken];
      for (let n = 0; n < 6; n += 1) {
        for (const one of [device, stolen!]) expect((await one.refresh()).status).toBe(200);
        tokens.push(device.refreshToken);
      }
    });

    const use = (refreshToken: string): Promise<Reply> =>
      send('POST', `${shared.app.url}/api/v1/auth/token`, { body: { refresh_token: refreshToken } });

    test('that renewed its tokens six times after the backup gets back in, whatever was made up before', async () => {
      moveTo(device, shared.app.url);
      const own = device.refreshToken;
      const [account, id, , family, , proof] = own.split('.');
      const secret = randomBytes(32).toString('base64url');
      for (const made of [
        `${account}.${id}.1.${family}.${secret}`,
        `${account}.${id}.7.${family}.${secret}`,
        `${account}.${id}.7.${family}.${secret}.${proof}`,
        `${account}.${id}.99.${family}.${secret}.${secret}`,
        own.replace(/\.7\./, '.99.'),
      ])
        expectProblem(await use(made), 401, 'TOKEN_INVALID');
      expect((await device.refresh()).status).toBe(200);
      await pull(device);
      device.refreshToken = own; // its answer may have been lost
      expect((await device.refresh()).status).toBe(200);
      expect((await device.refresh()).status).toBe(200);
      device.refreshToken = tokens[0]!;
      expectProblem(await device.refresh(), 401, 'DEVICE_REVOKED');
    });

    test('that has been away since before the backup gets in with its first token', async () => {
      moveTo(asleep!, shared.app.url);
      expect((await asleep!.refresh()).status).toBe(200);
      await pull(asleep!);
      expect((await asleep!.refresh()).status).toBe(200);
    });

    test('whose first of seven tokens somebody else uses gets in all the same, and that one is found out', async () => {
      moveTo(stolen!, shared.app.url);
      const first = await use(stolenFirst);
      expect((await stolen!.refresh()).status).toBe(200);
      await pull(stolen!);
      expectProblem(await use(first.body.refresh_token as string), 401, 'DEVICE_REVOKED');
    });
  });

  describe('pushes that run while the backup is taken', () => {
    let device: TestDevice;
    let isRunning = true;
    let pushing: Promise<void>;
    shared.beforeBackup(async (server) => {
      device = await server.newDevice();
      pushing = (async () => {
        for (let n = 0; isRunning; n += 1)
          await push(device, creating(evening(`e${n}`)), await clockOf(device));
      })();
      pushing.catch(() => undefined); // rejects where it is awaited
    });
    shared.beforeRestore(async () => {
      isRunning = false;
      await pushing;
    });

    test('are in it whole or not at all, and the server goes on', async () => {
      moveTo(device, shared.app.url);
      const rows = await liveRows(device);
      const evenings = rows.games?.length ?? 0;
      expect(Object.fromEntries(Object.entries(rows).map(([table, list]) => [table, list.length]))).toEqual({
        games: evenings,
        game_players: 2 * evenings,
        rounds: evenings,
        scores: 2 * evenings,
      });
    });
  });

  describe('links to games', () => {
    let device: TestDevice;
    let shareId: string;
    shared.beforeBackup(async (server) => {
      device = await server.newDevice();
      await push(device, creating(evening('a')), await clockOf(device));
      shareId = (await device.request('POST', '/games/a-game/shares')).body.share_id as string;
    });
    shared.beforeRestore(async () => {
      expect((await device.request('DELETE', `/shares/${shareId}`)).status).toBe(204);
    });

    test('are gone after a restore: one may have been withdrawn since the backup', async () => {
      moveTo(device, shared.app.url);
      expect((await device.request('GET', '/games/a-game/shares')).body).toEqual([]);
      expect((await device.request('POST', '/games/a-game/shares')).status).toBe(201);
    });
  });

  describe('a restore', () => {
    const states: unknown[] = [];
    let refused: CommandResult;
    shared.beforeRestore(async (server) => {
      const device = await server.newDevice();
      await push(device, creating(evening('a')), await clockOf(device));
      const look = async () => [await stateOf(device), (await pull(device)).history_id];
      states.push(await look());
      refused = await shared.site.command(['restore', shared.site.backup()]);
      states.push(await look());
    });

    test('is refused while a server runs on the data, and changes nothing', () => {
      expectFailure(refused, /stop|in use|runs|running/i);
      expect(states[1]).toEqual(states[0]);
    });
  });
});
