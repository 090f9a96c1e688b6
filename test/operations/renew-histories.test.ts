import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { forEachDatabase, startApp, type TestApp } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { expectProblem, liveRows, moveTo, pull, push, store } from '../support/exchange.js';
import { olderVersion } from '../support/older-version.js';
import { creating, game } from '../support/records.js';
import { runTidemark, type CommandResult } from '../support/server-process.js';
import { TestSocket } from '../support/socket.js';
import { createStorage, type Storage } from '../support/storage.js';

const renew = ({ env }: Storage): Promise<CommandResult> => runTidemark(['renew-histories'], { ...env });

function expectFailure({ code, stderr }: CommandResult, pattern: RegExp): void {
  expect(code).toBe(1);
  expect(stderr).toMatch(pattern);
  expect(stderr).not.toMatch(/^\s+at |node:internal/m);
}

/** What the device knew before is refused; what it pulls anew is served, and nothing is lost on the server. */
async function expectRenewed(device: TestDevice, before: Awaited<ReturnType<typeof pull>>): Promise<void> {
  const { history_id, checkpoint, timestamp } = before;
  for (const query of [{ history_id }, { checkpoint }, { last_pulled_at: timestamp }]) {
    expectProblem(await device.pull(query), 409, 'HISTORY_CHANGED');
  }
  const fresh = await pull(device);
  expect(fresh.changes).toEqual((await pull(device)).changes);
  expect(fresh.history_id).not.toBe(history_id);
  expect(fresh.timestamp).toBeGreaterThan(timestamp);
  const known = { history_id: fresh.history_id, checkpoint: fresh.checkpoint };
  await push(device, creating({ games: [game('after')] }), fresh.timestamp, known);
  expect((await pull(device, fresh.timestamp, known)).changes.games?.updated).toEqual([game('after')]);
  expect((await liveRows(device)).games).toEqual([game('after'), game('g1')]);
}

forEachDatabase((database) => {
  /** A server with two accounts, and what a device of each has pulled. */
  async function twoAccounts(app: TestApp) {
    const devices = [await app.newDevice(), await app.newDevice()];
    for (const device of devices) await store(device, { games: [game('g1')] });
    const before = await Promise.all(devices.map((device) => pull(device)));
    return { devices, before };
  }

  const isPostgres = database === 'postgres';

  test(`it gives every account a new history, ${isPostgres ? 'while a server runs, which tells the sockets' : 'with the server stopped; a running one is in its way'}`, async () => {
    const first = await startApp(database);
    const { devices, before } = await twoAccounts(first);
    using socket = await TestSocket.connect(devices[0]!);
    if (!isPostgres) {
      expectFailure(await renew(first.storage), /in use by another Tidemark; stop that one first/);
      expect(await pull(devices[0]!)).toEqual(before[0]);
      await first.stop();
    }
    const { code, stdout, stderr } = await renew(first.storage);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Gave 2 accounts a new history\./);
    if (isPostgres) {
      expect(await socket.ask('ping', { n: 1 })).toMatchObject({ problem: { code: 'HISTORY_CHANGED' } });
      expect(await socket.closed()).toMatchObject({ status: 409, code: 'HISTORY_CHANGED' });
    }
    await using app = isPostgres ? first : await startApp(database, { storage: first.storage });
    for (const device of devices) moveTo(device, app.url);
    for (const [n, device] of devices.entries()) await expectRenewed(device, before[n]!);
    await app.stop();
    await first.close();
  });

  test('it renews a database from before checkpoints existed', async () => {
    const first = await startApp(database);
    const { devices, before } = await twoAccounts(first);
    await first.stop();
    await olderVersion(first.storage);
    expect((await renew(first.storage)).code).toBe(0);
    await using app = await startApp(database, { storage: first.storage });
    for (const device of devices) moveTo(device, app.url);
    await expectRenewed(devices[0]!, before[0]!);
    await app.stop();
    await first.close();
  });

  test('it says in one line that there is no such database, or no account in it', async () => {
    const storage = await createStorage(database);
    try {
      if (isPostgres) {
        expectFailure(await renew(storage), /^This database has no accounts/);
        const nowhere = {
          ...storage.env,
          DATABASE_URL: `${storage.env.DATABASE_URL}`.replace('/db_', '/no_'),
        };
        expectFailure(
          await renew({ ...storage, env: nowhere }),
          /^Cannot reach PostgreSQL at .*does not exist/,
        );
        return;
      }
      expectFailure(await renew(storage), /^There is no database .*tidemark\.db; see --data-dir/);
      const file = join(storage.env.DATA_DIR!, 'tidemark.db');
      writeFileSync(file, '');
      expectFailure(await renew(storage), /^This database has no accounts/);
      writeFileSync(file, 'no database at all, only words, and enough of them');
      expectFailure(await renew(storage), /is damaged, or no database/);
    } finally {
      await storage.dispose();
    }
  });
});

test('--help tells what it is for, and words that mean nothing are refused', async () => {
  const { code, stdout } = await runTidemark(['renew-histories', '--help'], {});
  expect(code).toBe(0);
  expect(stdout).toMatch(/every account a new history.*went back in time without restore/s);
  expectFailure(await runTidemark(['renew-histories', 'now'], {}), /"now" is not an option/);
});
