import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { JournalRepository } from '../../src/documents/content/journal.repository.js';
import { WorkingCopies } from '../../src/documents/content/working-copies.js';
import { DocumentsRepository } from '../../src/documents/documents.repository.js';
import { UploadsService } from '../../src/uploads/uploads.service.js';
import { LiveWriter } from '../documents/live-writer.js';
import { forEachDatabase } from '../support/app.js';
import type { TestDevice } from '../support/device.js';
import { documentState, download, pathOf, write } from '../support/documents.js';
import { moveTo } from '../support/exchange.js';
import { atNext, holdNext } from './hold-back.js';
import { World } from './world.js';

const refOf = ({ accountId }: TestDevice, videoId = 'v1') => ({ accountId, videoId, kind: 'layout' });

forEachDatabase((database) => {
  test('live changes are uploaded as the version that the copy has when it is read', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    using live = await LiveWriter.open(world.app, refOf(ann));
    expect(await live.paint('green')).toBe(true);
    // Between the row being read and the copy being made, a further version is made.
    atNext(live, 'copyTo', (real) => async (target) => {
      await live.paint('blue');
      return real(target);
    });
    expect(await download(ann, 'v1')).toEqual(['blue']);
    const state = await documentState(ann, 'v1');
    expect(state).toMatchObject({ epoch: 1, server_version: 3 });
    expect(state.stored_version).toEqual({ epoch: 1, server_version: 3, mark: state.mark });
    const { versions } = (await ann.request('GET', `${pathOf('v1')}/versions`)).body;
    expect(versions).toMatchObject([{ epoch: 1, server_version: 3, mark: state.mark }]);
    expect(world.objects()).toEqual([expect.stringMatching(/\/1-3-[^/]+$/)]);
    const { pendingSince } = (await world.app.nest.get(DocumentsRepository).find(refOf(ann)))!;
    expect(pendingSince).toBeNull();
    expect(world.temporaryFiles()).toEqual([]);
    expect(await world.query('SELECT 1 AS "one" FROM document_journal')).toEqual([]);
  });

  test('changes made while an upload runs stay pending, journalled and due', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    using live = await LiveWriter.open(world.app, refOf(ann));
    await live.paint('green');
    const copied = holdNext(live, 'copyTo', 'after');
    const uploading = download(ann, 'v1');
    await copied.reached;
    world.clock.ms += 1_000;
    await live.paint('blue');
    copied.goOn();
    expect(await uploading).toEqual(['green']);
    const state = await documentState(ann, 'v1');
    expect(state).toMatchObject({ server_version: 3, stored_version: { epoch: 1, server_version: 2 } });
    const rows = await world.query('SELECT version AS "version" FROM document_journal ORDER BY version');
    expect(rows).toEqual([{ version: 3 }]);
    await world.pass(4);
    expect((await documentState(ann, 'v1')).stored_version).toMatchObject({ server_version: 2 });
    await world.pass(2);
    expect((await documentState(ann, 'v1')).stored_version).toMatchObject({ server_version: 3 });
    expect((await world.health()).uploads.pending).toBe(0);
  });

  test('steady changes are uploaded in spite of none being the last for long', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    using live = await LiveWriter.open(world.app, refOf(ann));
    for (let minute = 0; minute < 14; minute += 2) {
      await live.paint(`minute ${minute}`);
      await world.pass(2);
      expect((await documentState(ann, 'v1')).stored_version).toBeNull();
    }
    await live.paint('late');
    await world.pass(2);
    expect((await documentState(ann, 'v1')).stored_version).toMatchObject({ server_version: 9 });
  });

  test('a copy that is open before its first change is read by its writer alone', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    const { size_bytes, mark } = await write(ann, 'v1', ['red']);
    const copies = world.app.nest.get(WorkingCopies);
    const held = await copies.hold(refOf(ann), { epoch: 1, mark: mark! }, size_bytes);
    const opening = LiveWriter.open(world.app, refOf(ann)); // waits for whoever reads the file
    const early = await Promise.race([opening, world.health()]);
    expect(early).toHaveProperty('uploads');
    held!.release();
    using live = await opening;
    expect(await copies.hold(refOf(ann), { epoch: 1, mark: mark! }, size_bytes)).toBeNull();
    const copied = jest.spyOn(live, 'copyTo');
    expect(await download(ann, 'v1')).toEqual(['red']);
    expect(copied).toHaveBeenCalledTimes(1);
  });

  test('an open copy is neither removed for room nor with its epoch, and its growth counts', async () => {
    await using world = await World.make(database, { MAX_WORKING_COPY_BYTES: '1048576' });
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    const copies = world.app.nest.get(WorkingCopies);
    const live = await LiveWriter.open(world.app, refOf(ann));
    await live.paint('green');
    await download(ann, 'v1');
    const document = (await world.app.nest.get(DocumentsRepository).find(refOf(ann)))!;
    const path = join(world.data.env.DATA_DIR!, 'documents', world.workingCopies()[0]!);
    await expect(copies.room.make(1_040_000)).rejects.toThrow();
    await copies.room.make(800_000);
    jest.spyOn(live, 'sizeBytes', 'get').mockReturnValue(900_000);
    await live.paint('blue');
    await expect(copies.room.make(200_000)).rejects.toThrow();
    expect((await documentState(ann, 'v1')).size_bytes).toBe(900_000);
    await world.pass(10);
    await expect(copies.room.make(200_000)).rejects.toThrow();
    expect(existsSync(path)).toBe(true);
    await write(ann, 'v1', ['new']);
    expect(existsSync(path)).toBe(true);
    expect(await live.paint('late')).toBe(false);
    expect(document.epoch).toBe(1);
    live[Symbol.dispose]();
    await copies.room.make(800_000);
    while (existsSync(path) || existsSync(`${path}-journal`)) await world.health();
  });

  test('where the copy is gone, it is made from the uploaded version, and goes on', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    const before = await LiveWriter.open(world.app, refOf(ann));
    await before.paint('green');
    await download(ann, 'v1');
    before[Symbol.dispose]();
    await world.app.stop();
    rmSync(join(world.data.env.DATA_DIR!, 'documents'), { recursive: true });
    await world.start();
    moveTo(ann, world.app.url);
    {
      using live = await LiveWriter.open(world.app, refOf(ann));
      expect(live.copied).toBe(2);
      await live.paint('blue');
      expect(await live.paint('white')).toBe(true);
    }
    expect(await world.app.nest.get(UploadsService).upload(refOf(ann), { isForced: true })).toBe('uploaded');
    expect((await documentState(ann, 'v1')).stored_version).toMatchObject({ server_version: 4 });
  });

  if (database === 'sqlite') return;

  test('another process goes on from the content or the uploaded version, and the batches above it', async () => {
    await using world = await World.make(database);
    const ann = await world.newDevice();
    await write(ann, 'v1', ['red']);
    using live = await LiveWriter.open(world.app, refOf(ann));
    await live.paint('green');
    const elsewhere = await world.startElsewhere();
    {
      using there = await LiveWriter.open(elsewhere, refOf(ann));
      expect(there.copied).toBe(2);
      expect(await live.paint('blue')).toBe(true);
      expect(await there.paint('lost')).toBe(false);
    }
    expect(await download(ann, 'v1')).toEqual(['blue']);
    await live.paint('white');
    using there = await LiveWriter.open(elsewhere, refOf(ann));
    expect(there.copied).toBe(4);
    const batches = world.app.nest.get(JournalRepository).batches(refOf(ann), 1, 1, 4);
    await expect(batches.next()).rejects.toThrow(/1-2/); // uploaded
  });
});
