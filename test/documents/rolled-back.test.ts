import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DocumentState } from '../../src/protocol/documents.js';
import { forEachDatabase } from '../support/app.js';
import { snapshotOf } from '../support/database-snapshot.js';
import type { TestDevice } from '../support/device.js';
import {
  documentState,
  download,
  hold,
  lock,
  packedLayout,
  pathOf,
  putContent,
  write,
} from '../support/documents.js';
import { expectProblem, moveTo } from '../support/exchange.js';
import { shareApp } from '../support/shared-app.js';
import { TestSocket } from '../support/socket.js';
import { World } from '../uploads/world.js';

/** A version as an ETag has it, without the quotes. */
const tagOf = ({ epoch, server_version, mark }: DocumentState): string =>
  mark ? `${epoch}-${server_version}-${mark}` : `${epoch}-${server_version}`;

forEachDatabase((database) => {
  describe('after the database was put back to before a write', () => {
    let world: World;
    let laptop: TestDevice;
    let phone: TestDevice;
    /** Written in the time that was lost. */
    let lost: DocumentState;
    /** Written since: it has the number of `lost`. */
    let anew: DocumentState;
    let documentsFolder: string;

    const whileDown = async (work: () => unknown) => {
      await world.app.stop();
      await work();
      await world.start();
      for (const device of [laptop, phone]) moveTo(device, world.app.url);
    };

    beforeEach(async () => {
      world = await World.make(database);
      documentsFolder = join(world.data.env.DATA_DIR!, 'documents');
      laptop = await world.newDevice();
      phone = await laptop.pair();
      await write(laptop, 'v1', ['same']);
      await download(laptop, 'v1'); // uploads it
      await world.app.stop();
      await using snapshot = await snapshotOf(world.data);
      await whileDown(() => undefined);
      lost = await write(laptop, 'v1', ['lost']);
      await whileDown(async () => {
        await snapshot.putBack();
        cpSync(documentsFolder, `${documentsFolder}-lost`, { recursive: true });
      });
      anew = await write(phone, 'v1', ['anew']);
      expect(tagOf(anew).slice(0, 3)).toBe(tagOf(lost).slice(0, 3));
    });
    afterEach(() => world[Symbol.asyncDispose]());

    test('the version that was lost is not mistaken for the next one of its number', async () => {
      const { epoch, server_version, mark } = lost;
      const known = await lock(laptop, 'v1', { epoch, server_version, mark });
      expect(known.body).toMatchObject({ epoch, server_version, mark: anew.mark, needs_download: true });
      const holding = await hold(laptop, 'v1');
      const reply = await putContent(holding, tagOf(lost), packedLayout(['lost, and more']));
      expectProblem(reply, 412, 'VERSION_MISMATCH');
      expect(reply.body).toMatchObject({ epoch, server_version, mark: anew.mark });
      expect(reply.body.detail).toContain('put back to an earlier state');
      expect(await download(laptop, 'v1')).toEqual(['anew']);
      expect((await putContent(holding, tagOf(anew), packedLayout(['anew, and more']))).status).toBe(200);
    });

    test('a working copy of the lost version is not read as the next one of its number', async () => {
      await whileDown(() => {
        rmSync(documentsFolder, { recursive: true });
        cpSync(`${documentsFolder}-lost`, documentsFolder, { recursive: true });
      });
      expect((await documentState(laptop, 'v1')).size_bytes).toBe(lost.size_bytes);
      if (database === 'postgres') {
        expect(await download(laptop, 'v1')).toEqual(['anew']); // from the journal
        return;
      }
      expectProblem(await laptop.request('GET', `${pathOf('v1')}/download-url`), 500, 'INTERNAL');
      expect((await putContent(await hold(laptop, 'v1'), tagOf(anew), packedLayout(['next']))).status).toBe(
        200,
      );
      expect(await download(laptop, 'v1')).toEqual(['next']);
    });
  });

  const app = shareApp(database);

  test('every answer that tells a version tells its mark, and each version has another', async () => {
    const laptop = await app().newDevice();
    using socket = await TestSocket.connect(laptop);
    const holding = await hold(laptop, 'v1');
    expect((await laptop.request('GET', `${pathOf('v1')}/state`)).headers.get('etag')).toBe('"0-0"');
    const first = await putContent(holding, '0-0', packedLayout(['one']));
    const { mark } = first.body as DocumentState;
    expect(mark).toMatch(/^[0-9a-f]{16}$/);
    expect(first.headers.get('etag')).toBe(`"1-1-${mark}"`);
    const state = await laptop.request('GET', `${pathOf('v1')}/state`);
    expect(state.body).toMatchObject({ mark });
    expect(state.headers.get('etag')).toBe(`"1-1-${mark}"`);
    expect(await socket.next('document_changed')).toMatchObject({ epoch: 1, mark });
    const granted = await lock(laptop, 'v1', { epoch: 1, server_version: 1, mark });
    expect(granted.body).toMatchObject({ mark, needs_download: false });
    expect(granted.headers.get('etag')).toBe(`"1-1-${mark}"`);
    const stranger = await lock(laptop, 'v1', { epoch: 1, server_version: 1, mark: '0'.repeat(16) });
    expect(stranger.body).toMatchObject({ needs_download: true });
    const url = await laptop.request('GET', `${pathOf('v1')}/download-url`);
    expect(url.body).toMatchObject({ epoch: 1, version: 1, mark });
    expect(await documentState(laptop, 'v1')).toMatchObject({ stored_version: { mark } });
    const { versions } = (await laptop.request('GET', `${pathOf('v1')}/versions`)).body;
    expect(versions).toMatchObject([{ epoch: 1, server_version: 1, mark }]);
    const { documents } = (await laptop.request('GET', '/documents')).body;
    expect(documents).toMatchObject([{ epoch: 1, mark }]);
    const second = await write(laptop, 'v1', ['two']);
    expect(second.mark).toMatch(/^[0-9a-f]{16}$/);
    expect(second.mark).not.toBe(mark);
  });

  test('a client from before there were marks writes over the number that it knows', async () => {
    const laptop = await app().newDevice();
    await write(laptop, 'v1', ['one']);
    const holding = await hold(laptop, 'v1');
    expectProblem(await putContent(holding, '1-2', packedLayout()), 412, 'VERSION_MISMATCH');
    const quoted = await putContent(holding, '1-1', packedLayout(['two']));
    expect(quoted.body).toMatchObject({ epoch: 2 });
    const bare = await putContent(holding, null, packedLayout(['three']), { 'if-match': '2-1' });
    expect(bare.body).toMatchObject({ epoch: 3 });
  });

  test('a mark that no version has is refused', async () => {
    const laptop = await app().newDevice();
    const holding = await hold(laptop, 'v1');
    const none = await putContent(holding, `0-0-${'0'.repeat(16)}`, packedLayout());
    expectProblem(none, 412, 'VERSION_MISMATCH');
    await write(laptop, 'v1', ['one']);
    const again = await hold(laptop, 'v1');
    const other = await putContent(again, `1-1-${'0'.repeat(16)}`, packedLayout());
    expectProblem(other, 412, 'VERSION_MISMATCH');
    for (const text of ['1-1-x', '1-1-', '1-1-0123456789ABCDEF', '1-1-0123456789abcdef0', '1-1-é']) {
      expectProblem(await putContent(again, text, packedLayout()), 400, 'BAD_REQUEST');
    }
    const weak = await putContent(again, null, packedLayout(), { 'if-match': 'W/"1-1"' });
    expectProblem(weak, 400, 'BAD_REQUEST');
    for (const mark of ['x', '', 7, {}])
      expectProblem(await lock(laptop, 'v1', { mark }), 400, 'BAD_REQUEST');
  });
});

test('on sqlite, copies of lost versions leave the room of MAX_WORKING_COPY_BYTES to others', async () => {
  await using world = await World.make('sqlite', { MAX_WORKING_COPY_BYTES: String(4 * 1_048_576) });
  const laptop = await world.newDevice();
  await world.app.stop();
  await using snapshot = await snapshotOf(world.data);
  const restart = async () => {
    await world.start();
    moveTo(laptop, world.app.url);
  };
  await restart();
  const writeLarge = async (video: string) =>
    (await putContent(await hold(laptop, video), '0-0', packedLayout([video], 900_000))).status;
  for (const video of ['v1', 'v2', 'v3', 'v4']) expect(await writeLarge(video)).toBe(200);
  await world.app.stop();
  await snapshot.putBack();
  await restart();
  for (const video of ['v5', 'v1', 'v2']) expect(await writeLarge(video)).toBe(200);
});
