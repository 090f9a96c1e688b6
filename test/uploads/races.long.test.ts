import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../src/foundation/config/config.js';
import { Database, type Transaction } from '../../src/foundation/database/database.js';
import { openDatabase } from '../../src/foundation/database/open.js';
import { SqliteWorkers } from '../../src/documents/import/sqlite-workers.js';
import { DocumentOwner } from '../../src/documents/owner.js';
import { WorkingCopies } from '../../src/documents/content/working-copies.js';
import { AppError } from '../../src/foundation/errors/app-error.js';
import { schema } from '../../src/protocol/tables.js';
import { serverTables } from '../../src/tables.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { restoreVersion } from '../../src/commands/restore-version.js';
import { UploadsRepository } from '../../src/uploads/uploads.repository.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import { forEachDatabase } from '../support/app.js';
import type { Reply } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo, until } from '../support/exchange.js';
import { around, atNext, holdNext } from './hold-back.js';
import { MINUTE_MS, storeIn, World } from './world.js';

/** Delays a transaction's second statement until another transaction waits for a lock of the first one. */
function pausedAfterFirst(world: World, tx: Transaction, whenPaused: () => void): Transaction {
  let isFirst = true;
  return {
    dialect: tx.dialect,
    query: async (sql, params) => {
      const rows = await tx.query(sql, params);
      if (!isFirst) return rows as never;
      isFirst = false;
      whenPaused();
      await until(
        () =>
          world.query(
            `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          ),
        (waiting) => waiting.length > 0,
      );
      return rows as never;
    },
    executeEach: (sql, rows) => tx.executeEach(sql, rows),
  };
}

async function listEpochs(ask: Promise<Reply>): Promise<number[]> {
  const reply = await ask;
  expect(reply.status).toBe(200);
  return (reply.body as { versions: { epoch: number }[] }).versions.map(({ epoch }) => epoch);
}

/** Damages the only working copy while the server is down. */
async function spoilCopy(world: World, spoil: (path: string) => void): Promise<void> {
  await world.app.stop();
  const [copy = ''] = world.workingCopies();
  spoil(join(world.data.env.DATA_DIR!, 'documents', copy));
  await world.start();
  await world.tick(); // the tick of the start has ended by then, and misses what follows
}

forEachDatabase((database) => {
  test('a working copy that a power cut left empty is never uploaded', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['acknowledged']);
    await spoilCopy(world, (path) => truncateSync(path, 0));
    moveTo(laptop, world.app.url);
    await world.pass(6);
    if (database === 'postgres') return expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
    expect(world.objects()).toEqual([]);
    expect(await world.health()).toMatchObject({ status: 'degraded', uploads: { pending: 1, failing: 1 } });
  });

  test('documents restore that somebody writes into leaves nothing, and the writing stays', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    for (const color of ['one', 'two']) {
      await write(laptop, 'v1', [color]);
      await world.pass(6);
    }
    const parts = { database: world.app.nest.get(Database), storage: world.app.nest.get(ObjectStorage) };
    const copied = holdNext(parts.storage, 'write', 'after');
    const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
    const restoring = restoreVersion(parts, { ref, epoch: 1, version: 1, isDryRun: false });
    await copied.reached;
    await write(laptop, 'v1', ['three']);
    copied.goOn();
    await expect(restoring).rejects.toThrow('changed meanwhile');
    expect(await listEpochs(laptop.request('GET', `${pathOf('v1')}/versions`))).toEqual([2, 1]);
    expect(await download(laptop, 'v1')).toEqual(['three']);
    expect(await listEpochs(laptop.request('GET', `${pathOf('v1')}/versions`))).toEqual([3, 2, 1]);
  });

  test('an object that cannot be removed is tried again, and keeps no other from being swept', async () => {
    await using world = await World.make(database);
    const laptop = await world.newDevice();
    const left = (name: string) => `${laptop.accountId}/videos/v1/layout/${name}.db.gz`;
    for (const [minute, name] of ['9-1-retained', '9-1-removable'].entries()) {
      await world.app.nest.get(Database).write(
        `INSERT INTO document_versions (account_id, video_id, kind, object_key, epoch, version, state,
             renewed_at, sweep_at)
           VALUES ($1, 'v1', 'layout', $2, 9, 1, 'uploading', $3, $4)`,
        [laptop.accountId, left(name), world.clock.ms + minute, world.clock.ms + minute + 60 * MINUTE_MS],
      );
      mkdirSync(dirname(join(world.folder, left(name))), { recursive: true });
      writeFileSync(join(world.folder, left(name)), 'half');
    }
    const allow = around(world.app.nest.get(ObjectStorage), 'remove', (real) => async (key) => {
      if (key.includes('retained')) throw new AppError('STORAGE_UNAVAILABLE');
      return real(key);
    });
    await expect(world.pass(61)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await world.pass(1);
    expect(world.objects()).toEqual([left('9-1-retained')]);
    allow();
    await world.pass(11);
    expect(world.objects()).toEqual([]);
  });
});

describe('on postgres', () => {
  test('a damaged working copy is mended from the journal', async () => {
    await using world = await World.make('postgres');
    const laptop = await world.newDevice();
    const packed = packedLayout(['acknowledged'], 100_000);
    expect((await putContent(await hold(laptop, 'v1'), '0-0', packed)).status).toBe(200);
    const [row] = await world.query<{ bytes: number }>('SELECT size_bytes AS bytes FROM documents');
    await spoilCopy(world, (path) => writeFileSync(path, Buffer.alloc(row!.bytes, 'garbage')));
    moveTo(laptop, world.app.url);
    await world.pass(6);
    expect(await world.health()).toMatchObject({ status: 'degraded', uploads: { pending: 1, failing: 1 } });
    await world.pass(2);
    expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
    expect(await download(laptop, 'v1')).toEqual(['acknowledged']);
  });

  test('a working copy that an upload reads is not removed when its writer has put it in place once more', async () => {
    await using world = await World.make('postgres');
    const laptop = await world.newDevice();
    const holding = await hold(laptop, 'v1');
    const placing = holdNext(world.app.nest.get(WorkingCopies), 'place', 'before');
    const writing = putContent(holding, '0-0', packedLayout(['one']));
    await placing.reached; // the write is committed, so the upload reads the journal
    const reading = holdNext(world.app.nest.get(SqliteWorkers), 'copy', 'before');
    const asking = laptop.request('GET', `${pathOf('v1')}/download-url`);
    await reading.reached;
    placing.goOn();
    expect((await writing).status).toBe(200);
    expect((await putContent(holding, '1-1', packedLayout(['two']))).status).toBe(200);
    reading.goOn();
    expect((await asking).body).toMatchObject({ epoch: 1, version: 1 });
    expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 1, failing: 0 } });
    expect(world.workingCopies()).toHaveLength(1);
  });

  test('the end of an upload and the renewal of its lease do not wait for each other', async () => {
    await using world = await World.make('postgres');
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['red']);
    // Renews every 100 ms instead of 20 s; leases do not expire, as the test's clock stands still.
    Object.defineProperty(world.app.nest.get(DocumentOwner), 'leaseMs', { value: 300 });
    const uploads = world.app.nest.get(UploadsRepository);
    const failures: unknown[] = [];
    around(uploads, 'renew', (real) => async (...args) => {
      await real(...args).catch((error: unknown) => failures.push(error));
    });
    atNext(
      uploads,
      'finish',
      (real) => (tx, upload, dueAfter) =>
        real(
          pausedAfterFirst(world, tx, () => undefined),
          upload,
          dueAfter,
        ),
    );
    const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
    expect(await world.app.nest.get(UploadsService).upload(ref, { isForced: false })).toBe('uploaded');
    expect(failures).toEqual([]);
    expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({ epoch: 1, server_version: 1 });
  });

  test('documents restore and a write at the same time do not wait for each other', async () => {
    await using world = await World.make('postgres');
    const laptop = await world.newDevice();
    await write(laptop, 'v1', ['one']);
    await world.pass(6);
    await write(laptop, 'v1', ['two']);
    const holding = await hold(laptop, 'v1');
    let writing: Promise<Reply> | undefined;
    const config = loadConfig({ argv: [], env: { ...world.data.env, ...storeIn(world.folder) } });
    const command = await openDatabase(config, schema, serverTables);
    try {
      const storage = world.app.nest.get(ObjectStorage);
      const copied = holdNext(storage, 'write', 'after');
      const ref = { accountId: laptop.accountId, videoId: 'v1', kind: 'layout' };
      const request = { ref, epoch: 1, version: 1, isDryRun: false };
      const restoring = restoreVersion({ database: command, storage }, request);
      await copied.reached;
      atNext(
        command,
        'transaction',
        (real) => (work) =>
          real((tx) =>
            work(
              pausedAfterFirst(world, tx, () => {
                writing = putContent(holding, '2-1', packedLayout(['three']));
              }),
            ),
          ),
      );
      copied.goOn();
      expect(await restoring).toContain('is the content again, as 4-1');
    } finally {
      await command.close();
    }
    expectProblem((await writing)!, 412, 'VERSION_MISMATCH');
    expect(await download(laptop, 'v1')).toEqual(['one']);
  });
});
