import { startApp } from '../../support/app.js';
import { documentState, hold } from '../../support/documents.js';
import { LiveClient } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';

describe('two processes on one PostgreSQL', () => {
  test('the holder moves between them on every step, and both have every change', async () => {
    await using one = await startApp('postgres');
    await using two = await startApp('postgres', { storage: one.storage });
    const device = await one.newDevice();
    await captions(device, 'v');
    using a = await LiveClient.open(device, 'v', { sessionId: 'a' });
    using b = await LiveClient.open(device, 'v', { sessionId: 'b' });
    await a.connect({}, one.url);
    await b.connect({}, two.url);
    for (let step = 0; step < 6; step++) {
      const [writer, reader] = step % 2 === 0 ? [a, b] : [b, a];
      const { fencingToken } = await hold(device, 'v', { session_id: writer.session.sessionId }, 'captions');
      expect(await writer.socket!.ask('hold', { fencing_token: fencingToken })).toMatchObject({
        role: 'holder',
      });
      const answer = await writer.edit(`UPDATE cues SET text = 'step ${step}'`);
      expect(answer).toMatchObject({ previous: step + 1, server_version: step + 2 });
      await reader.reaches(step + 2);
      expect(reader.copy.all('SELECT text FROM cues')).toEqual([[`step ${step}`]]);
    }
    expect(await documentState(device, 'v', 'captions')).toMatchObject({ server_version: 7 });
  });

  test('what the other process hears of ends sockets there: a revoked device, a lost lock, a new epoch', async () => {
    await using one = await startApp('postgres');
    await using two = await startApp('postgres', { storage: one.storage });
    const device = await one.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    const other = await device.pair();
    using holder = await LiveClient.open(device, 'v', holding);
    using watcher = await LiveClient.open(other, 'v');
    await holder.connect({}, two.url);
    await watcher.connect({}, two.url);
    await hold(device, 'v', { session_id: 'elsewhere' }, 'captions');
    expect(await holder.socket!.next('session_transferred')).toMatchObject({ to_session: 'elsewhere' });
    await device.request('DELETE', `/auth/devices/${other.deviceId}`);
    expect(await watcher.socket!.closed()).toMatchObject({ code: 'DEVICE_REVOKED' });
    await captions(device, 'v', { keepsLock: true });
    expect(await holder.socket!.closed()).toMatchObject({ code: 'EPOCH_CHANGED', epoch: 2 });
  });

  test('a process that opens the document later starts from what others have journalled', async () => {
    await using one = await startApp('postgres');
    await using two = await startApp('postgres', { storage: one.storage });
    const device = await one.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using holder = await LiveClient.open(device, 'v', holding);
    using watcher = await LiveClient.open(device, 'v');
    await holder.connect({}, one.url);
    for (const text of ['a', 'b', 'c']) await holder.edit(`UPDATE cues SET text = '${text}'`);
    const hello = await watcher.connect({}, two.url);
    expect(hello).toMatchObject({ server_version: 4, server_site_id: holder.hello!.server_site_id });
    await watcher.reaches(4);
    expect(watcher.copy.all('SELECT text FROM cues')).toEqual([['c']]);
  });
});
