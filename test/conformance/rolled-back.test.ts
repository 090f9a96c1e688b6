import { Database } from '../../src/foundation/database/database.js';
import { RetentionService } from '../../src/sync/retention.service.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { expectProblem, liveRows, pull, push, stateOf, type Pushed } from '../support/exchange.js';
import { olderVersion } from '../support/older-version.js';
import { creating, game, updating } from '../support/records.js';
import { RewindableServer } from '../support/rewindable-server.js';
import { deviceAuth, TestSocket } from '../support/socket.js';

const SECOND = 1_000;
const DAY = 24 * 60 * 60 * SECOND;

/** What a device keeps of the server's answers. */
interface Known {
  last_pulled_at: number;
  checkpoint?: string;
}

/** The device's state after a pull. */
async function seenBy(device: TestDevice): Promise<Required<Known>> {
  const { timestamp, checkpoint } = await pull(device);
  return { last_pulled_at: timestamp, checkpoint };
}

const add = (id: string) => creating({ games: [game(id)] });

/** Every way of asking is refused, and nothing is applied. */
async function expectNoticed(device: TestDevice, known: Known): Promise<void> {
  const before = await stateOf(device);
  expectProblem(await device.pull({ ...known }), 409, 'HISTORY_CHANGED');
  expectProblem(await device.request('GET', '/sync/status', { query: { ...known } }), 409, 'HISTORY_CHANGED');
  const { last_pulled_at, ...rest } = known;
  expectProblem(await device.push(add('unseen'), last_pulled_at, rest), 409, 'HISTORY_CHANGED');
  const body = { changes: add('unseen'), ...known };
  expectProblem(await device.request('POST', '/sync/push', { body }), 409, 'HISTORY_CHANGED');
  if (known.checkpoint !== undefined) {
    using socket = new TestSocket(device.url, { ...deviceAuth(device), checkpoint: known.checkpoint });
    expect(await socket.refusal()).toMatchObject({ status: 409, code: 'HISTORY_CHANGED' });
  }
  expect(await stateOf(device)).toEqual(before);
}

/** Every way of asking is served. */
async function expectServed(device: TestDevice, known: Known): Promise<void> {
  expect((await device.pull({ ...known })).status).toBe(200);
  expect((await device.request('GET', '/sync/status', { query: { ...known } })).status).toBe(200);
  using socket = await TestSocket.connect(device, { checkpoint: known.checkpoint });
  expect(socket.hello.timestamp).toBeGreaterThanOrEqual(known.last_pulled_at);
}

/** records.md, "A server that went back in time". */
forEachDatabase((database) => {
  /** Two devices of a new account, each of which has pulled `first`. */
  async function joined(server: RewindableServer) {
    const [a, b] = (await server.newDevices(2)) as [TestDevice, TestDevice];
    await push(a, add('first'), (await seenBy(a)).last_pulled_at);
    return { a, b, known: await seenBy(a) };
  }

  async function begin(env: Record<string, string> = {}) {
    const server = await RewindableServer.start(database, env);
    return { server, ...(await joined(server)), purge: () => purge(server) };
  }

  const purge = (server: RewindableServer) => server.app.nest.get(RetentionService).purge();

  /** A device that saw nothing of the lost time pushes, so that the clock jumps over every lost stamp. */
  async function pushFirst(b: TestDevice, { last_pulled_at, checkpoint }: Known, id = 'theirs') {
    return push(b, add(id), last_pulled_at, { checkpoint });
  }

  describe('after a copy of the data was put back', () => {
    let server: RewindableServer;
    type Account = Awaited<ReturnType<typeof joined>> & {
      /** Device a's push in the lost time. */
      lost?: Pushed;
      /** What device a saw afterwards. */
      later?: Required<Known>;
    };
    const accounts: Record<'plain' | 'quiet' | 'ahead' | 'untouched', Account> = {} as never;

    beforeAll(async () => {
      server = await RewindableServer.start(database, { STAMP_RETENTION_DAYS: '30' });
      accounts.quiet = await joined(server);
      server.pass(100 * DAY);
      await purge(server);
      accounts.plain = await joined(server);
      accounts.untouched = await joined(server);
      server.pass(DAY);
      accounts.ahead = await joined(server);
      server.pass(-DAY);
      const saved = await server.save();
      server.pass(SECOND);
      for (const account of [accounts.plain, accounts.quiet, accounts.ahead]) {
        account.lost = await pushFirst(account.a, account.known, 'lost');
        account.later = await seenBy(account.a);
      }
      await server.goBackTo(saved);
      server.pass(10 * SECOND);
      await purge(server);
    });
    afterAll(() => server?.[Symbol.asyncDispose]());

    test.each(['plain', 'quiet'] as const)(
      'a device that pulled in the lost time is told, before and after another one pushes (%s account)',
      async (name) => {
        const { a, b, known, later, lost } = accounts[name];
        const states = [later!, { last_pulled_at: later!.last_pulled_at }];
        // Its newest push alone is lost: its last_pulled_at is from before.
        states.push({ ...known, checkpoint: lost!.checkpoint });
        for (const state of states) await expectNoticed(a, state);
        await pushFirst(b, known);
        await purge(server);
        for (const state of states) await expectNoticed(a, state);
        await expectServed(b, known);
        await expectServed(b, await seenBy(b));
        // A stock client sends last_pulled_at alone: of its last push it has no proof.
        expect((await a.pull({ last_pulled_at: known.last_pulled_at })).status).toBe(200);
      },
    );

    test('the same stamp taken again, as the clock had run ahead, is told apart by its mark', async () => {
      const { a, b, known, later, lost } = accounts.ahead;
      const theirs = await pushFirst(b, known);
      expect(theirs.timestamp).toBe(lost!.timestamp);
      const states = [later!, { ...known, checkpoint: lost!.checkpoint }];
      for (const state of states) await expectNoticed(a, state);
      // The clock goes on: that stamp is no longer the newest.
      const { last_pulled_at } = await seenBy(b);
      await pushFirst(b, { last_pulled_at, checkpoint: theirs.checkpoint }, 'more');
      for (const state of states) await expectNoticed(a, state);
      await expectServed(b, { ...known, checkpoint: theirs.checkpoint });
    });

    test('devices that lost nothing go on as if nothing had happened', async () => {
      const { a, b, known } = accounts.untouched;
      await expectServed(a, known);
      const { checkpoint } = await pushFirst(b, known);
      await expectServed(a, known);
      await expectServed(b, { ...known, checkpoint });
      expect((await liveRows(b)).games?.map(({ id }) => id)).toEqual(['first', 'theirs']);
    });
  });

  test('a snapshot from before checkpoints existed is noticed, and before that nobody is refused', async () => {
    const { server, a, b, known } = await begin();
    await using _server = server;
    const early = known.last_pulled_at;
    server.pass(SECOND);
    await push(b, add('second'), early);
    const saved = await server.save(olderVersion);
    const migrated = await seenBy(a);
    await expectServed(a, migrated);
    await expectServed(a, { last_pulled_at: early });
    // The migration runs again on the same data: nothing is lost, and nobody is told so.
    await server.goBackTo(saved);
    await expectServed(a, migrated);

    server.pass(SECOND);
    const pushed = await push(a, add('lost'), migrated.last_pulled_at, { checkpoint: migrated.checkpoint });
    const later = await seenBy(a);
    await server.goBackTo(saved);
    server.pass(10 * SECOND);
    await pushFirst(b, migrated);
    await expectNoticed(a, later);
    await expectNoticed(a, { last_pulled_at: later.last_pulled_at });
    await expectNoticed(a, { ...migrated, checkpoint: pushed.checkpoint });
    await expectServed(b, migrated);
  });

  describe('stamps', () => {
    async function countStamps(server: RewindableServer): Promise<number> {
      const [row] = await server.app.nest
        .get(Database)
        .query<{ n: number }>('SELECT count(*) AS n FROM account_checkpoints');
      return row!.n;
    }

    test('older than the days are forgotten and taken for known; the newest is kept', async () => {
      const { server, a, known, purge } = await begin({ STAMP_RETENTION_DAYS: '30' });
      await using _server = server;
      const states = [known];
      for (let n = 0; n < 3; n += 1) {
        server.pass(DAY);
        const { last_pulled_at, checkpoint } = states.at(-1)!;
        await push(a, updating({ games: [game('first', { name: `${n}` })] }), last_pulled_at, { checkpoint });
        states.push(await seenBy(a));
      }
      server.pass(28.5 * DAY);
      await purge();
      // The account's first stamp, and those of begin() and of the first two days.
      for (const state of states) await expectServed(a, state);
      await expectNoticed(a, { last_pulled_at: states.at(-1)!.last_pulled_at - 1 });
      expect(await countStamps(server)).toBe(2);
      server.pass(100 * DAY);
      await purge();
      expect(await countStamps(server)).toBe(1);
      for (const state of states) await expectServed(a, state);
      await expectNoticed(a, { last_pulled_at: states.at(-1)!.last_pulled_at - 1 });
    });

    test('are kept for ever with 0 days', async () => {
      const { server, a, known, purge } = await begin({ STAMP_RETENTION_DAYS: '0' });
      await using _server = server;
      server.pass(300 * DAY);
      await push(a, add('later'), known.last_pulled_at);
      await purge();
      await expectNoticed(a, { last_pulled_at: known.last_pulled_at + 1 });
      expect(await countStamps(server)).toBe(3);
    });

    test('of one account are at most 100,000: the oldest are taken for known', async () => {
      const { server, a, known, purge } = await begin();
      await using _server = server;
      server.pass(DAY);
      const { last_pulled_at: before } = known;
      await push(a, add('later'), before);
      const numbers =
        database === 'sqlite'
          ? 'WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 100000) SELECT'
          : 'SELECT';
      const from = database === 'sqlite' ? 's' : 'generate_series(1, 100000) AS s (n)';
      await server.app.nest
        .get(Database)
        .write(
          `INSERT INTO account_checkpoints (account_id, stamp, mark) ${numbers} $1, CAST($2 AS bigint) + n * 2, 'abcdef01' FROM ${from}`,
          [a.accountId, before],
        );
      await purge();
      expect(await countStamps(server)).toBe(100_000);
      await expectServed(a, known);
      await expectServed(a, await seenBy(a));
      await expectNoticed(a, { last_pulled_at: before + 2 * 100_000 - 1 });
      await expectServed(a, { last_pulled_at: before + 2 * 100_000 });
    });
  });
});
