import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database } from '../../src/foundation/database/database.js';
import { EventBus, type Events } from '../../src/foundation/events/event-bus.js';
import { ObjectStorage } from '../../src/storage/storage.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, until } from '../support/exchange.js';
import { around, holdNext, moment } from './hold-back.js';
import { isSound, World } from './world.js';

function ifStoreIsAway(error: unknown): void {
  if ((error as { code?: string }).code !== 'STORAGE_UNAVAILABLE') throw error;
}

// The tests of a block share one server and one clock, and have accounts of their own.
forEachDatabase((database) => {
  describe('a store that works', () => {
    const objectsOf = ({ accountId }: TestDevice) =>
      world.objects().filter((key) => key.startsWith(`${accountId}/`));
    let world: World;
    beforeAll(async () => {
      world = await World.make(database, { UPLOADS_AT_ONCE: '3' });
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test('a document is uploaded when it has not changed for five minutes, and not before', async () => {
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['red']);
      const told: Events['document.changed'][] = [];
      world.app.nest.get(EventBus).subscribe('document.changed', (event) => told.push(event));
      await world.pass(4.9);
      expect(await documentState(laptop, 'v1')).toMatchObject({ stored_version: null, uploaded_at: null });
      expect(objectsOf(laptop)).toEqual([]);
      await world.pass(0.2);
      expect(await documentState(laptop, 'v1')).toMatchObject({
        stored_version: { epoch: 1, server_version: 1 },
        uploaded_at: world.clock.ms,
      });
      const [key = ''] = objectsOf(laptop);
      expect(key).toMatch(
        new RegExp(`^${laptop.accountId}/videos/v1/layout/1-1-[A-Za-z0-9_-]{12}\\.db\\.gz$`),
      );
      expect(isSound(world.folder, key)).toBe(true);
      expect(world.temporaryFiles()).toEqual([]);
      expect(told).toMatchObject([
        {
          accountId: laptop.accountId,
          document: { video_id: 'v1', database: 'layout', epoch: 1, server_version: 1 },
        },
      ]);
      await world.pass(60);
      expect(objectsOf(laptop)).toEqual([key]);
    });

    test('a document that keeps changing is uploaded fifteen minutes after the first change', async () => {
      const laptop = await world.newDevice();
      for (let minute = 0; minute < 15; minute += 3) {
        await write(laptop, 'v1', [`minute ${minute}`]);
        await world.pass(3);
        const { stored_version } = await documentState(laptop, 'v1');
        expect(stored_version?.epoch ?? null).toBe(minute < 12 ? null : 5);
      }
      await write(laptop, 'v1', ['after']);
      await world.pass(4.9);
      expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({
        epoch: 5,
        server_version: 1,
      });
      await world.pass(0.2);
      expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({
        epoch: 6,
        server_version: 1,
      });
    });

    test('what is due is known after a restart, and uploaded at once', async () => {
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['red']);
      await world.app.stop();
      world.clock.ms += 6 * 60_000;
      await world.start();
      await world.tick();
      expect(objectsOf(laptop)).toHaveLength(1);
      const { pending } = (await world.health()).uploads;
      expect(pending).toBe(0);
    });

    test('no more than UPLOADS_AT_ONCE run at the same time, and together they take everything', async () => {
      const laptop = await world.newDevice();
      const packed = packedLayout(['red'], 100_000);
      const videos = Array.from({ length: 12 }, (_, index) => `v${index}`);
      for (const video of videos) {
        const reply = await putContent(await hold(laptop, video), '0-0', packed);
        expect(reply.status).toBe(200);
      }
      const bytesBefore = await world.metric('tidemark_uploads_bytes_total');
      const three = moment();
      let running = 0;
      let most = 0;
      const undo = around(world.app.nest.get(ObjectStorage), 'write', (real) => async (key, body) => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) three.come();
        await three.hasCome;
        return real(key, body).finally(() => (running -= 1));
      });
      await world.pass(6);
      undo();
      expect(most).toBe(3);
      expect(objectsOf(laptop)).toHaveLength(12);
      expect(await world.metric('tidemark_uploads_pending')).toBe(0);
      const bytes = (await world.metric('tidemark_uploads_bytes_total')) - bytesBefore;
      expect(bytes).toBeGreaterThan(12 * 100_000);
    });

    test('one that is slow does not hold up what falls due later, nor what is to be swept', async () => {
      const laptop = await world.newDevice();
      await write(laptop, 'slow', ['red']);
      const left = `${laptop.accountId}/videos/v1/layout/9-1-left.db.gz`;
      await world.app.nest.get(Database).write(
        `INSERT INTO document_versions (account_id, video_id, kind, object_key, epoch, version, state,
           renewed_at, sweep_at)
         VALUES ($1, 'v1', 'layout', $2, 9, 1, 'uploading', $3, $4)`,
        [laptop.accountId, left, world.clock.ms - 60 * 60_000, world.clock.ms],
      );
      const writing = holdNext(world.app.nest.get(ObjectStorage), 'write', 'before');
      const first = world.pass(5);
      await writing.reached;
      await write(laptop, 'quick', ['blue']);
      const second = world.pass(5);
      await until(
        () => documentState(laptop, 'quick'),
        ({ stored_version }) => stored_version !== null,
      );
      await until(
        () => world.query('SELECT 1 FROM document_versions WHERE epoch = 9'),
        (rows) => rows.length === 0,
      );
      writing.goOn();
      await Promise.all([first, second]);
      expect((await documentState(laptop, 'slow')).stored_version).toMatchObject({
        epoch: 1,
        server_version: 1,
      });
      expect(objectsOf(laptop)).toHaveLength(2);
    });

    test('what changes while it is uploaded stays due', async () => {
      const laptop = await world.newDevice();
      const holding = await hold(laptop, 'v1');
      await putContent(holding, '0-0', packedLayout(['red']));
      world.clock.ms += 5 * 60_000;
      const again = await hold(laptop, 'v1');
      const writing = holdNext(world.app.nest.get(ObjectStorage), 'write', 'before');
      const ticking = world.tick();
      await writing.reached;
      const reply = await putContent(again, '1-1', packedLayout(['green']));
      expect(reply.status).toBe(200);
      writing.goOn();
      await ticking;
      expect((await documentState(laptop, 'v1')).epoch).toBe(2);
      await world.pass(5);
      expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({
        epoch: 2,
        server_version: 1,
      });
      expect(await download(laptop, 'v1')).toEqual(['green']);
      expect((await world.health()).uploads.pending).toBe(0);
    });
  });

  describe('a store that fails, or a disk', () => {
    const objectsOf = ({ accountId }: TestDevice) =>
      world.objects().filter((key) => key.startsWith(`${accountId}/`));
    let world: World;
    beforeAll(async () => {
      world = await World.make(database);
    });
    afterAll(() => world[Symbol.asyncDispose]());

    test('a failure is put off for longer and longer, is told, and never stops anyone from writing', async () => {
      const laptop = await world.newDevice();
      expect(await world.health()).toMatchObject({
        status: 'ok',
        uploads: { pending: 0, oldest_pending_age_seconds: 0, failing: 0, last_failure: null },
      });
      await write(laptop, 'v1', ['red']);
      world.loseStore();
      await world.pass(5);
      const failedAt = world.clock.ms;
      expect(await world.health()).toMatchObject({
        status: 'degraded',
        uploads: {
          pending: 1,
          oldest_pending_age_seconds: 300,
          failing: 1,
          last_failure: { at: failedAt, reason: expect.any(String) as string },
        },
      });
      expect(await world.metric('tidemark_uploads_failures_total')).toBe(1);
      expect(await world.metric('tidemark_uploads_pending')).toBe(1);
      expect(await world.metric('tidemark_uploads_oldest_pending_age_seconds')).toBe(300);

      const waits: number[] = [];
      for (let failures = 1; failures < 9; failures += 1) {
        const [row] = await world.query<{ due: number }>(
          `SELECT upload_due_at AS due FROM documents WHERE account_id = '${laptop.accountId}'`,
        );
        waits.push((row!.due - world.clock.ms) / 60_000);
        world.clock.ms = row!.due - 1;
        await world.tick().catch(ifStoreIsAway); // the sweep of uploads that failed an hour ago fails too
        expect(await world.metric('tidemark_uploads_failures_total')).toBe(failures);
        world.clock.ms = row!.due;
        await world.tick().catch(ifStoreIsAway);
        expect(await world.metric('tidemark_uploads_failures_total')).toBe(failures + 1);
      }
      [1, 2, 4, 8, 16, 32, 60, 60].forEach((longest, index) => {
        expect(waits[index]).toBeGreaterThan(longest / 2 - 0.01);
        expect(waits[index]).toBeLessThan(longest + 0.01);
      });
      expect((await documentState(laptop, 'v1')).upload_failures).toBe(9);

      await write(laptop, 'v1', ['green']);
      await write(laptop, 'v2', ['blue']);
      expect(world.temporaryFiles()).toEqual([]);
      world.returnStore();
      await world.pass(61);
      expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
      expect((await documentState(laptop, 'v1')).upload_failures).toBe(0);
      expect(await download(laptop, 'v1')).toEqual(['green']);
      expect(await download(laptop, 'v2')).toEqual(['blue']);
    });

    test('downloads that fail do not put the schedule off', async () => {
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['red']);
      const failed = await world.metric('tidemark_uploads_failures_total');
      world.loseStore();
      for (let failures = 1; failures <= 8; failures += 1) {
        expectProblem(
          await laptop.request('GET', `${pathOf('v1')}/download-url`),
          503,
          'STORAGE_UNAVAILABLE',
        );
        expect(await world.metric('tidemark_uploads_failures_total')).toBe(failed + failures);
      }
      expect((await documentState(laptop, 'v1')).upload_failures).toBe(0);
      world.returnStore();
      await world.pass(5);
      expect((await documentState(laptop, 'v1')).stored_version).toMatchObject({
        epoch: 1,
        server_version: 1,
      });
    });

    test('a document that waits for more than twice the checkpoint is told', async () => {
      const laptop = await world.newDevice();
      await write(laptop, 'v1', ['red']);
      world.clock.ms += 31 * 60_000;
      expect(await world.health()).toMatchObject({ status: 'degraded', uploads: { pending: 1, failing: 0 } });
      await world.tick();
      expect(await world.health()).toMatchObject({ status: 'ok', uploads: { pending: 0, failing: 0 } });
    });

    test('a damaged working copy is never uploaded, and stays in sight until what was written is found elsewhere', async () => {
      const laptop = await world.newDevice();
      await putContent(await hold(laptop, 'v1'), '0-0', packedLayout(['red'], 100_000));
      await write(laptop, 'v2', ['blue']);
      const folder = [laptop.accountId, 'v1'].map((name) => Buffer.from(name).toString('hex')).join('/');
      const [copy = ''] = world.workingCopies().filter((path) => path.includes(folder));
      const path = join(world.data.env.DATA_DIR!, 'documents', copy);
      const bytes = readFileSync(path);
      bytes.fill(0x5a, 4_096, 40_000);
      writeFileSync(path, bytes);
      await world.pass(6);
      expect(objectsOf(laptop).map((key) => key.split('/')[2])).toEqual(['v2']);
      expect(await world.health()).toMatchObject({
        status: 'degraded',
        uploads: {
          pending: 1,
          failing: 1,
          last_failure: { reason: expect.stringMatching(/damaged/) as string },
        },
      });
      const reply = await laptop.request('GET', '/videos/v1/database/layout/download-url');
      // The journal has the content too; on SQLite only the file has it.
      expect(reply.status).toBe(database === 'postgres' ? 200 : 500);
      expect(objectsOf(laptop)).toHaveLength(database === 'postgres' ? 2 : 1);
      if (database === 'postgres') expect(await download(laptop, 'v1')).toEqual(['red']);
      expect(world.temporaryFiles()).toEqual([]);
    });
  });
});
