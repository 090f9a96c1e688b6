import BetterSqlite from 'better-sqlite3';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { forEachDatabase } from '../support/app.js';
import { send, TestDevice } from '../support/device.js';
import { clockOf, expectProblem, pull, push, until } from '../support/exchange.js';
import { creating, evening, game, games, tableNames } from '../support/records.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { shareApp } from '../support/shared-app.js';
import { createStorage, type Storage } from '../support/storage.js';

type Line = Record<string, unknown>;

/** Drops a table under a running server, to cause an unforeseen error. */
async function dropTable(storage: Storage, table: string): Promise<void> {
  const sql = `DROP TABLE "${table}"`;
  if (storage.env.DATABASE_URL) {
    const client = new pg.Client({ connectionString: storage.env.DATABASE_URL });
    await client.connect();
    await client.query(sql);
    await client.end();
    return;
  }
  const dir = storage.env.DATA_DIR!;
  const file = readdirSync(dir).find((name) => /\.(db|sqlite)$/.test(name));
  new BetterSqlite(join(dir, file!)).exec(sql).close();
}

forEachDatabase((database) => {
  describe('request ids', () => {
    const app = shareApp(database);

    test('every answer carries an x-request-id, another one each time', async () => {
      const device = await app().newDevice();
      const answers = [
        await device.pull(),
        await device.pull(),
        await device.request('GET', '/sync/meta'),
        await device.request('GET', '/nothing'),
        await send('GET', `${app().url}/health/live`),
        await send('GET', `${app().url}/api/v1/sync/pull`),
        await device.push({}, 1),
      ];
      const ids = answers.map((answer) => answer.headers.get('x-request-id'));
      for (const id of ids) expect(id).toMatch(/^[\w.-]{8,64}$/);
      expect(new Set(ids).size).toBe(ids.length);
    });

    test("a caller's x-request-id is taken over, in the header and in problems", async () => {
      const device = await app().newDevice();
      const headers = { 'x-request-id': 'phone-42.a_b' };
      expect((await device.request('GET', '/sync/meta', { headers })).headers.get('x-request-id')).toBe(
        'phone-42.a_b',
      );
      const problem = await device.request('GET', '/sync/pull?last_pulled_at=x', { headers });
      expect(problem.headers.get('x-request-id')).toBe('phone-42.a_b');
      expect(problem.body.request_id).toBe('phone-42.a_b');
    });

    test.each(['a b', 'x'.repeat(300), '"}{"level":"fatal"', '<script>', 'é', '../../x', '; --', ','])(
      "the caller's x-request-id %p is replaced",
      async (given) => {
        const device = await app().newDevice();
        const reply = await device.request('GET', '/sync/pull?last_pulled_at=x', {
          headers: { 'x-request-id': given },
        });
        expect(reply.body.request_id).not.toBe(given);
        expect(reply.body.request_id).toMatch(/^[\w.-]{8,64}$/);
        expect(reply.headers.get('x-request-id')).toBe(reply.body.request_id);
      },
    );

    test('a problem and its answer tell the same id', async () => {
      const reply = await send('GET', `${app().url}/api/v1/sync/pull`);
      expect(reply.body.request_id).toBe(reply.headers.get('x-request-id'));
    });
  });

  describe('the log of a server process', () => {
    let storage: Storage;
    let server: ServerProcess;
    beforeAll(async () => {
      storage = await createStorage(database);
      server = await startServer({ storage, env: { LOG_LEVEL: 'trace' } });
    });
    afterAll(async () => {
      await server[Symbol.asyncDispose]();
      await storage.dispose();
    });

    const lines = (): Line[] =>
      server
        .output()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Line);
    /** Waits for the log lines of one request. */
    const linesOf = (id: string): Promise<Line[]> =>
      until(
        () => lines().filter((line) => line.request_id === id),
        (found) => found.length > 0,
      );

    test('has one JSON line a request, with id, method, status and duration', async () => {
      const device = await TestDevice.register(server.url);
      for (const [path, status] of [
        ['/sync/meta', 200],
        ['/sync/pull?last_pulled_at=x', 400],
        ['/nothing', 404],
      ] as const) {
        const id = `log${status}`;
        await device.request('GET', path, { headers: { 'x-request-id': id } });
        const found = await linesOf(id);
        expect(found).toHaveLength(1);
        expect(found[0]).toMatchObject({ method: 'GET', status, level: expect.any(String) });
        expect(Object.values(found[0]!).some((value) => typeof value === 'number' && value >= 0)).toBe(true);
      }
    });

    test('never contains a token, a pairing code or a record', async () => {
      const device = await TestDevice.register(server.url, { name: 'Phone of Rumpelstilzchen' });
      const { body } = await device.request('POST', '/auth/pairing-codes');
      const second = await TestDevice.register(server.url, { pairing_code: body.code as string });
      const before = { access: device.accessToken, refresh: device.refreshToken };
      await device.refresh();
      const rows = creating({ ...evening('a'), games: [game('a-game', { name: 'Rumpelstilzchen' })] });
      await push(device, rows, await clockOf(device));
      await pull(second);
      await device.request('GET', `/sync/pull?access_token=${device.accessToken}&last_pulled_at=x`);
      await send('POST', `${server.url}/api/v1/auth/token`, {
        body: { refresh_token: `${device.refreshToken}x` },
      });
      await send('POST', `${server.url}/api/v1/auth/token`, {
        body: `{"refresh_token":"${device.refreshToken}"`,
      });
      await send('GET', `${server.url}/api/v1/sync/pull`, {
        headers: { authorization: `Bearer ${device.accessToken}x` },
      });
      await send('GET', `${server.url}/api/v1/${device.accessToken}`);
      await device.request('GET', '/sync/meta', { headers: { 'x-request-id': 'the-last-one' } });
      await linesOf('the-last-one');
      const output = server.output();
      const secrets = [
        before.access,
        before.refresh,
        device.accessToken,
        device.refreshToken,
        second.accessToken,
        second.refreshToken,
        body.code as string,
        'Rumpelstilzchen',
      ];
      for (const secret of secrets) expect(output).not.toContain(secret);
      for (const secret of [device.accessToken, device.refreshToken])
        expect(output).not.toContain(secret.split('.').at(-1));
    });

    test('is not fooled by line breaks and quotes in what is sent', async () => {
      const device = await TestDevice.register(server.url);
      await device.request(
        'GET',
        `/sync/pull?history_id=${encodeURIComponent('\n{"level":"fatal","msg":"forged"}\n')}`,
      );
      await device.request('GET', `/${encodeURIComponent('\n{"level":"fatal","msg":"forged"}\n')}`);
      await device.request('GET', '/sync/meta', { headers: { 'x-request-id': 'after-forged' } });
      await linesOf('after-forged');
      expect(lines().some((line) => line.msg === 'forged')).toBe(false);
    });

    // The last test, as it breaks the database.
    test('an error nobody foresaw is a problem without SQL or stack, and the log names it under the same id', async () => {
      const device = await TestDevice.register(server.url);
      await push(device, creating({ games: games(2) }), await clockOf(device));
      await dropTable(storage, 'scores');
      const pulled = await device.request('GET', '/sync/pull', {
        headers: { 'x-request-id': 'broken-pull' },
      });
      expectProblem(pulled, 500, 'INTERNAL');
      const rows = creating({ scores: [{ id: 'secret-row-id', round_id: 'secret-round' }] });
      const pushed = await device.request('POST', '/sync/push', {
        body: { changes: rows, last_pulled_at: pulled.status === 500 ? Date.now() : 0 },
        headers: { 'x-request-id': 'broken-push' },
      });
      expect(pushed.status).toBeGreaterThanOrEqual(400);
      for (const reply of [pulled, pushed]) {
        for (const table of tableNames)
          expect(`${reply.body.detail} ${reply.body.title}`).not.toContain(table);
      }
      const found = await linesOf('broken-pull');
      expect(found.some((line) => line.level === 'error')).toBe(true);
      expect(server.output()).not.toMatch(/secret-round|SELECT .* FROM|INSERT INTO/);
      expect((await send('GET', `${server.url}/health/live`)).status).toBe(200);
    });
  });
});
