import { WorkingCopies } from '../../../src/documents/content/working-copies.js';
import { OpenDocuments } from '../../../src/documents/live/open-documents.js';
import { Database } from '../../../src/foundation/database/database.js';
import { AppError } from '../../../src/foundation/errors/app-error.js';
import { forEachDatabase, startApp } from '../../support/app.js';
import { documentState, download, write } from '../../support/documents.js';
import { moveTo, until } from '../../support/exchange.js';
import { downloadLive, LiveClient } from '../../support/live-client.js';
import { captions } from '../../support/live-documents.js';
import { runTidemark } from '../../support/server-process.js';
import { createStorage } from '../../support/storage.js';
import { tearCopy } from '../torn-copy.js';
import { atNext } from '../../uploads/hold-back.js';

forEachDatabase((database) => {
  test('a document that was uploaded and then only looked at can be spared', async () => {
    await using app = await startApp(database);
    const device = await app.newDevice();
    await captions(device, 'v');
    await downloadLive(device, 'v'); // uploads it
    const { room } = app.nest.get(WorkingCopies);
    const { size_bytes } = await documentState(device, 'v', 'captions');
    expect(room.removableBytes).toBe(size_bytes);
    {
      using watcher = await LiveClient.open(device, 'v');
      await watcher.connect();
      expect(room.removableBytes).toBe(0); // it is held
    }
    const open = app.nest.get(OpenDocuments);
    for (const document of open.list()) open.end(document, new AppError('SHUTTING_DOWN'));
    await until(
      () => room.removableBytes,
      (bytes) => bytes === size_bytes,
    );
  });

  test('content that was never uploaded survives a server that is killed in the middle of its first batch', async () => {
    const storage = await createStorage(database);
    const before = await startApp(database, { storage });
    const device = await before.newDevice();
    await write(device, 'v', ['red']);
    await before.stop();
    tearCopy(storage.env.DATA_DIR!, 'v');
    await using app = await startApp(database, { storage });
    moveTo(device, app.url);
    expect(await download(device, 'v')).toEqual(['red']);
    await storage.dispose();
  });

  test('a batch whose commit was not answered reaches the watchers, although nothing follows it', async () => {
    await using app = await startApp(database);
    const device = await app.newDevice();
    const holding = await captions(device, 'v', { keepsLock: true });
    using holder = await LiveClient.open(device, 'v', holding);
    using watcher = await LiveClient.open(await device.pair(), 'v');
    await Promise.all([holder.connect(), watcher.connect()]);
    holder.copy.run(`UPDATE cues SET text = 'Bye'`);
    const body = holder.copy.bodyOf(holder.copy.version)!;
    atNext(app.nest.get(Database), 'transaction', (real) => async (work) => {
      await real(work);
      throw new AppError('OVERLOADED', { retry_after: 1 });
    });
    expect(await holder.socket!.ask('sync', body)).toMatchObject({ problem: { code: 'OVERLOADED' } });
    expect(await holder.socket!.ask('sync', body)).toMatchObject({ previous: 2, server_version: 2 });
    expect(await watcher.socket!.ask('ping', { n: 1 })).toMatchObject({ server_version: 2 });
    await watcher.reaches(2);
    expect(watcher.copy.all('SELECT text FROM cues')).toEqual([['Bye']]);
  });
});

test('who comes after a restore beside the running server gets the new epoch, and who was there is told', async () => {
  const storage = await createStorage('postgres');
  await using app = await startApp('postgres', { storage });
  const device = await app.newDevice();
  await captions(device, 'v');
  await downloadLive(device, 'v');
  using early = await LiveClient.open(device, 'v');
  await early.connect();
  const args = ['documents', 'restore', `${device.accountId}/v/captions`, '1-1'];
  expect(await runTidemark(args, { ...storage.env })).toMatchObject({ code: 0 });
  const { epoch } = await documentState(device, 'v', 'captions');
  expect(epoch).toBeGreaterThan(1);
  using late = await LiveClient.open(await device.pair(), 'v');
  expect(await late.connect()).toMatchObject({ epoch });
  expect(await early.socket!.closed()).toMatchObject({ code: 'EPOCH_CHANGED' });
});
