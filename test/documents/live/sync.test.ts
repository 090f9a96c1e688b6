import { forEachDatabase, startApp } from '../../support/app.js';
import { documentState, hold, lock } from '../../support/documents.js';
import { downloadLive, LiveClient } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { LiveReplica } from '../../support/live-replica.js';
import { shareApp } from '../../support/shared-app.js';
import type { TestDevice } from '../../support/device.js';

const TEXTS = 'SELECT text FROM cues ORDER BY id';

forEachDatabase((database) => {
  const app = shareApp(database);

  async function holderOf(device: TestDevice, videoId: string): Promise<LiveClient> {
    const holding = await captions(device, videoId, { keepsLock: true });
    const holder = await LiveClient.open(device, videoId, holding);
    await holder.connect();
    return holder;
  }

  test('a change is answered, counts as a version, and is in the next download', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    expect(await holder.edit(`UPDATE cues SET text = 'Bye' WHERE id = 'cue-0'`)).toEqual({
      previous: 1,
      server_version: 2,
      mark: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(holder.cursor).toBe(2);
    expect(await documentState(device, 'v', 'captions')).toMatchObject({ epoch: 1, server_version: 2 });
    const downloaded = await downloadLive(device, 'v');
    expect(downloaded).toMatchObject({ epoch: 1, version: 2 });
    using copy = await LiveReplica.of(downloaded.database);
    expect(copy.all(TEXTS)).toEqual([['Bye']]);
  });

  test('a watcher gets what the holder changes, as it is', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    using watcher = await LiveClient.open(await device.pair(), 'v');
    await watcher.connect();
    const { mark } = await holder.edit(
      `INSERT INTO cues (id, text) VALUES ('new', 'One' || char(0) || 'two')`,
    );
    await watcher.reaches(2);
    expect(watcher.changes).toEqual([{ from: 1, to: 2, mark, rows_left: 0, bytes_left: 0 }]);
    expect(watcher.copy.all(TEXTS)).toEqual([['Hello'], ['One\0two']]);
  });

  test('who was away gets what it has missed when it connects, and is told how much comes', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    using watcher = await LiveClient.open(await device.pair(), 'v');
    await holder.edit(`UPDATE cues SET text = 'a'`);
    await holder.edit(`UPDATE cues SET start_ms = 5`);
    const hello = await watcher.connect();
    expect(hello).toMatchObject({ server_version: 3, ahead: { rows: 2, bytes: expect.any(Number) } });
    await watcher.reaches(3);
    expect(watcher.copy.all('SELECT text, start_ms FROM cues')).toEqual([['a', 5n]]);
  });

  test('the same batch again changes nothing', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    holder.copy.run(`UPDATE cues SET text = 'a'`);
    const body = holder.copy.bodyOf(holder.copy.version)!;
    const first = await holder.socket!.ask('sync', body);
    expect(first).toMatchObject({ previous: 1, server_version: 2 });
    expect(await holder.socket!.ask('sync', body)).toEqual({ ...first, previous: 2 });
  });

  test('a batch that breaks a rule changes nothing, and the connection lives on', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    holder.copy.run(`UPDATE cues SET text = 'a'`);
    const body = holder.copy.bodyOf(holder.copy.version)!;
    const { problem } = await holder.socket!.ask('sync', body.slice(0, -1));
    expect(problem).toMatchObject({ status: 422, code: 'CHANGES_INVALID', rule: expect.any(String) });
    expect(await holder.socket!.ask('sync', 'text')).toMatchObject({ problem: { code: 'BAD_REQUEST' } });
    expect(await holder.socket!.ask('sync', Buffer.alloc(1_048_577))).toMatchObject({
      problem: { code: 'BODY_TOO_LARGE' },
    });
    expect(await holder.socket!.ask('dance', {})).toMatchObject({ problem: { code: 'BAD_REQUEST' } });
    expect(await holder.push()).toMatchObject([{ previous: 1, server_version: 2 }]);
  });

  test('a watcher’s batch is refused, and it may hold later without connecting again', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    using client = await LiveClient.open(device, 'v', { sessionId: 'tab' });
    await client.connect();
    expect(await client.edit(`UPDATE cues SET text = 'a'`)).toMatchObject({
      problem: { code: 'LOCK_REQUIRED' },
    });
    expect(await client.socket!.ask('hold', { fencing_token: 1_000 })).toMatchObject({
      problem: { code: 'LOCK_REQUIRED' },
    });
    const { fencingToken } = await hold(device, 'v', { session_id: 'tab' }, 'captions');
    expect(await client.socket!.ask('hold', { fencing_token: fencingToken })).toEqual({
      role: 'holder',
      expires_at: expect.any(Number),
    });
    expect(await client.push()).toMatchObject([{ previous: 1, server_version: 2 }]);
  });

  test('a ping is answered with what the server has then', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    expect(await holder.ping(7)).toEqual({ n: 7, epoch: 1, server_version: 1, role: 'holder' });
    await holder.edit(`UPDATE cues SET text = 'a'`);
    expect(await holder.ping(8)).toMatchObject({ n: 8, server_version: 2 });
    expect(await holder.socket!.ask('ping', {})).toMatchObject({ problem: { code: 'BAD_REQUEST' } });
  });

  test('a fresh token prolongs the socket, another device’s does not', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    const { accessToken } = device;
    expect(await holder.socket!.ask('token', { access_token: accessToken })).toEqual({
      token_expires_at: expect.any(Number),
    });
    const other = await device.pair();
    expect(await holder.socket!.ask('token', { access_token: other.accessToken })).toMatchObject({
      problem: { code: 'TOKEN_INVALID' },
    });
  });

  test('a revoked device is cut off', async () => {
    const device = await app().newDevice();
    await captions(device, 'v');
    const other = await device.pair();
    using watcher = await LiveClient.open(other, 'v');
    await watcher.connect();
    await device.request('DELETE', `/auth/devices/${other.deviceId}`);
    expect(await watcher.socket!.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
  });

  test('more rows than one body takes arrive in several, in order and with what is left', async () => {
    const device = await app().newDevice();
    using holder = await holderOf(device, 'v');
    using watcher = await LiveClient.open(await device.pair(), 'v');
    for (let batch = 0; batch < 5; batch++) {
      const rows = Array.from({ length: 600 }, (_, row) => `('b${batch}-${row}', ${row}, 'x')`).join();
      await holder.edit(`INSERT INTO cues (id, start_ms, text) VALUES ${rows}`);
    }
    const { ahead } = await watcher.connect();
    await watcher.reaches(6);
    expect(watcher.changes.length).toBeGreaterThan(1);
    expect(watcher.changes[0]!.from).toBe(1);
    watcher.changes.forEach(({ from }, at) => at > 0 && expect(from).toBe(watcher.changes[at - 1]!.to));
    expect(watcher.changes[0]!.rows_left).toBeLessThan(ahead.rows);
    expect(watcher.changes.at(-1)).toMatchObject({ to: 6, rows_left: 0, bytes_left: 0 });
    expect(watcher.copy.all('SELECT count(*) FROM cues')).toEqual([[3_001n]]);
  });

  test('lock with create, download, connect, edit, and it is stored', async () => {
    const device = await app().newDevice();
    const reply = await lock(device, 'made', { session_id: 'tab', create: true }, 'captions');
    const { websocket_url, epoch, fencing_token: fencingToken } = reply.body as Record<string, never>;
    expect(epoch).toBe(1);
    expect(websocket_url).toBe(`${device.url.replace('http', 'ws')}/videos/made/sync/captions`);
    using client = await LiveClient.open(device, 'made', { sessionId: 'tab', fencingToken });
    await client.connect();
    await client.edit(`INSERT INTO cues (id, text) VALUES ('c', 'First')`);
    const { version, database: stored } = await downloadLive(device, 'made');
    expect(version).toBe(2);
    using copy = await LiveReplica.of(stored);
    expect(copy.all(TEXTS)).toEqual([['First']]);
    using later = await LiveClient.open(device, 'made');
    expect(await later.connect()).toMatchObject({ server_version: 2, ahead: { rows: 0, bytes: 0 } });
  });

  test('a batch that would make the account’s documents larger than they may be is refused', async () => {
    await using small = await startApp(database, { env: { MAX_DOCUMENT_BYTES_PER_ACCOUNT: '200000' } });
    const device = await small.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using holder = await LiveClient.open(device, 'v', holding);
    await holder.connect();
    const answer = await holder.edit(`UPDATE cues SET text = printf('%.*c', 200000, 'x')`);
    expect(answer).toMatchObject({ problem: { status: 403, code: 'QUOTA_EXCEEDED' } });
    expect(await holder.ping()).toMatchObject({ server_version: 1, role: 'holder' });
  });
});
