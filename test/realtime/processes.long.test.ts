import pg from 'pg';
import type { Problem } from '../../src/protocol/errors.js';
import { forEachDatabase } from '../support/app.js';
import { TestDevice } from '../support/device.js';
import { clockOf, moveTo, push, until } from '../support/exchange.js';
import { startPostgres } from '../support/postgres.js';
import { creating, game, updating } from '../support/records.js';
import { startServer, type ServerProcess } from '../support/server-process.js';
import { deviceAuth, TestSocket } from '../support/socket.js';
import { createStorage, type Storage } from '../support/storage.js';

const LISTENING = `application_name = 'tidemark' AND query ~ '^(LISTEN|SELECT pg_notify|DELETE FROM socket_io)'`;

describe('two server processes on one PostgreSQL', () => {
  let storage: Storage;
  let servers: ServerProcess[] = [];

  beforeEach(async () => {
    storage = await createStorage('postgres');
    servers = await Promise.all([0, 1].map(() => startServer({ storage })));
    await until(listening, (count) => count === 2);
  });

  afterEach(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    await storage.dispose();
  });

  const query = async (sql: string): Promise<{ n: number }[]> => {
    const client = new pg.Client({ connectionString: storage.env.DATABASE_URL });
    await client.connect();
    try {
      return (await client.query<{ n: number }>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  async function listening(): Promise<number> {
    const where = `datname = current_database() AND ${LISTENING}`;
    return (await query(`SELECT count(*)::integer AS n FROM pg_stat_activity WHERE ${where}`))[0]!.n;
  }

  /** A phone on the first process, and a tablet of its account connected to the second. */
  const family = async () => {
    const [here, there] = servers.map((server) => server.url) as [string, string];
    const phone = await TestDevice.register(here);
    const tablet = await phone.pair();
    moveTo(tablet, there);
    return { phone, tablet, socket: await TestSocket.connect(tablet) };
  };

  test('what happens in one is announced by the other', async () => {
    const { phone, tablet, socket } = await family();
    using watching = socket;
    const { timestamp } = await push(phone, creating({ games: [game('g1')] }), await clockOf(phone));
    expect(await watching.next('changes')).toEqual({ timestamp, device_id: phone.deviceId });
    const third = await phone.pair({ name: 'Third' });
    expect(await watching.next('device_joined')).toEqual({ device_id: third.deviceId, name: 'Third' });

    const { share_id, url } = (await phone.request('POST', '/games/g1/shares')).body as Record<
      string,
      string
    >;
    using watcher = await TestSocket.watch(tablet.url, url!.split('/').at(-1)!);
    await watcher.next('scoreboard');
    await push(phone, updating({ games: [game('g1', { name: 'Renamed' })] }), await clockOf(phone));
    expect((await watcher.next('scoreboard')).tables.games).toMatchObject([{ name: 'Renamed' }]);
    await phone.request('DELETE', `/shares/${share_id}`);
    expect(await watcher.closed()).toMatchObject({ code: 'SHARE_WITHDRAWN' });

    await phone.request('DELETE', `/auth/devices/${tablet.deviceId}`);
    expect(await watching.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
  });

  test('with the connections between them cut, pings tell the truth; then they find each other again', async () => {
    const { phone, socket } = await family();
    using watching = socket;
    const where = `datname = current_database() AND ${LISTENING}`;
    expect(await query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${where}`)).toHaveLength(
      2,
    );
    const { timestamp } = await push(phone, creating({ games: [game('g1')] }), await clockOf(phone));
    expect((await watching.ping()).timestamp).toBe(timestamp);
    await until(listening, (count) => count === 2);
    await until(
      async () => {
        await push(
          phone,
          updating({ games: [game('g1', { target_score: Math.trunc(Math.random() * 1e9) })] }),
          await clockOf(phone),
        );
        return watching.next('changes', 500).catch(() => null);
      },
      (heard) => heard !== null,
    );
    expect(servers.map(({ output }) => output()).join()).not.toMatch(/"level":"(error|fatal)"/);
  });
});

test('while PostgreSQL is away, pings and handshakes are answered with OVERLOADED, and connections stay', async () => {
  const postgres = await startPostgres();
  const storage = await createStorage('postgres', { postgres });
  const server = await startServer({ storage });
  try {
    const device = await TestDevice.register(server.url);
    using socket = await TestSocket.connect(device);
    await postgres.stop();
    const { problem } = await socket.ask<{ problem: Problem }>('ping', { n: 1 });
    expect(problem).toMatchObject({ status: 503, code: 'OVERLOADED', retry_after: expect.any(Number) });
    using refused = new TestSocket(server.url, deviceAuth(device));
    expect(await refused.refusal()).toMatchObject({ status: 503, code: 'OVERLOADED' });
    expect(socket.client.connected).toBe(true);
  } finally {
    await server.kill('SIGKILL');
  }
});

forEachDatabase((database) => {
  test('tokens stand in no log line, also not at the most talkative level', async () => {
    const storage = await createStorage(database);
    try {
      await using server = await startServer({ storage, env: { LOG_LEVEL: 'trace' } });
      const device = await TestDevice.register(server.url);
      const socket = await TestSocket.connect(device);
      using refused = new TestSocket(server.url, { access_token: 'a-wrong-token', protocol_version: 1 });
      await refused.refusal();
      socket[Symbol.dispose]();
      await until(server.output, (output) => /Socket .* closed/.test(output));
      expect(server.output()).toContain(`of device ${device.deviceId} connected`);
      expect(server.output()).toContain('TOKEN_INVALID');
      expect(server.output()).not.toContain(device.accessToken);
      expect(server.output()).not.toContain('a-wrong-token');
    } finally {
      await storage.dispose();
    }
  });
});
