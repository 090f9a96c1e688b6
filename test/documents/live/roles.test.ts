import { forEachDatabase, startApp } from '../../support/app.js';
import { documentState, hold, lock, release } from '../../support/documents.js';
import { LiveClient } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { until } from '../../support/exchange.js';
import { shareApp, TestClock } from '../../support/shared-app.js';

forEachDatabase((database) => {
  const app = shareApp(database);

  test('what was sent before another session takes the lock is answered; then the first one only watches', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using first = await LiveClient.open(device, 'v', holding);
    await first.connect();
    first.copy.run(`UPDATE cues SET text = 'a'`);
    const answer = first.push();
    const second = await hold(device, 'v', { session_id: 'second' }, 'captions');
    const [accepted] = await answer;
    expect(accepted).toMatchObject({ previous: 1, server_version: 2 });
    expect(await first.socket!.next('session_transferred')).toEqual({
      to_session: 'second',
      to_device: device.deviceId,
    });
    expect(await first.ping()).toMatchObject({ role: 'watcher' });
    expect(await first.edit(`UPDATE cues SET text = 'b'`)).toMatchObject({
      problem: { code: 'LOCK_REQUIRED' },
    });
    using other = await LiveClient.open(device, 'v', second);
    await other.connect();
    expect(await other.edit(`UPDATE cues SET start_ms = 7`)).toMatchObject({
      previous: 2,
      server_version: 3,
    });
    await first.reaches(3);
  });

  test('edits of a session that lost the lock merge when it holds it again', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using first = await LiveClient.open(device, 'v', holding);
    await first.connect();
    const second = await hold(device, 'v', { session_id: 'second' }, 'captions');
    await first.edit(`UPDATE cues SET text = 'mine'`);
    using other = await LiveClient.open(device, 'v', second);
    await other.connect();
    await other.edit(`UPDATE cues SET start_ms = 7`);
    const again = await hold(device, 'v', { session_id: holding.sessionId }, 'captions');
    await first.socket!.ask('hold', { fencing_token: again.fencingToken });
    await first.reaches(2);
    expect(await first.push()).toMatchObject([{ previous: 2, server_version: 3 }]);
    await other.reaches(3);
    expect(other.copy.all('SELECT text, start_ms FROM cues')).toEqual([['mine', 7n]]);
  });

  test('who takes over from another device is told to the one who held', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using first = await LiveClient.open(device, 'v', holding);
    await first.connect();
    const other = await device.pair();
    expect((await lock(other, 'v', {}, 'captions')).status).toBe(423);
    const { sessionId } = await hold(other, 'v', { take_over: true }, 'captions');
    expect(await first.socket!.next('session_transferred')).toEqual({
      to_session: sessionId,
      to_device: other.deviceId,
    });
  });

  test('a lock that is released is lost', async () => {
    const device = await app().newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using client = await LiveClient.open(device, 'v', holding);
    await client.connect();
    await release(holding);
    expect(await client.socket!.next('lock_lost')).toEqual({ reason: 'released' });
    expect(await client.ping()).toMatchObject({ role: 'watcher' });
  });
});

forEachDatabase((database) => {
  test('a socket that is heard keeps the lock without asking; one that is gone lets it run out', async () => {
    const clock = new TestClock();
    await using app = await startApp(database, { now: clock.now });
    const device = await app.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using client = await LiveClient.open(device, 'v', holding);
    const { lock_expires_at } = await client.connect();
    const lockOf = async () => (await documentState(device, 'v', 'captions')).lock;
    for (let round = 1; round <= 3; round++) {
      clock.ms += 25_000;
      await client.ping();
      const lock = await until(lockOf, (found) => found?.expires_at === clock.ms + 60_000);
      expect(lock!.expires_at).toBe(lock_expires_at! + round * 25_000);
    }
    client.socket!.client.disconnect();
    clock.ms += 60_001;
    expect(await until(lockOf, (found) => found === null)).toBeNull();
  });

  test('a holder whose lease has run out is told', async () => {
    const clock = new TestClock();
    await using app = await startApp(database, { now: clock.now });
    const device = await app.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using client = await LiveClient.open(device, 'v', holding);
    await client.connect();
    clock.ms += 60_001;
    expect(await client.socket!.next('lock_lost')).toEqual({ reason: 'expired' });
    expect(await client.edit(`UPDATE cues SET text = 'a'`)).toMatchObject({
      problem: { code: 'LOCK_REQUIRED' },
    });
  });
});
